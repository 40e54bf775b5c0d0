/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A camera for tests on machines that have none: loaded before libc (LD_PRELOAD), it answers for one path as a driver of
 * Video4Linux would. Frames go into the queued buffers; a frame without a buffer is lost, as in life. Time is a number in a
 * file that the test shares: waiting for a frame moves it on at once, so that no test depends on how busy the machine is.
 *
 * FAKE_CAMERA        the path that is the camera
 * FAKE_FORMATS       what it offers, for example "MJPG,YUYV"
 * FAKE_JPEG          the file that each Motion JPEG frame holds
 * FAKE_TIME          the file with the time in microseconds
 * FAKE_PERIOD_US     time between two frames; 0: none ever comes
 * FAKE_BUSY          set: another program streams
 * FAKE_UNPLUG_AFTER  after so many frames the camera is gone, and cannot be opened FAKE_GONE_OPENS times
 * FAKE_DAMAGED       every so many-th frame carries the error flag
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, STRIDE = WIDTH * 2 + 32, SIZE = STRIDE * HEIGHT, MOST_BUFFERS = 8 };
/* Mapped memory begins at a page. */
enum { SLOT = (SIZE + 4095) & ~4095 };

static int camera = -1, streaming, gone, queued[MOST_BUFFERS], done[MOST_BUFFERS], queued_count, done_count;
static unsigned format, sequence_of[MOST_BUFFERS], used_of[MOST_BUFFERS], last_frame, total_frames;
static long long began, taken_at[MOST_BUFFERS];
static int unplugged_once, opens_to_refuse;

static long long now_us(void) {
  char text[32] = "";
  int file = openat(AT_FDCWD, getenv("FAKE_TIME"), O_RDONLY);
  if (read(file, text, sizeof text - 1) <= 0) abort();
  close(file);
  return atoll(text);
}

static void set_now_us(long long now) {
  char text[32];
  int length = snprintf(text, sizeof text, "%020lld", now), file = openat(AT_FDCWD, getenv("FAKE_TIME"), O_WRONLY);
  if (write(file, text, length) != length) abort();
  close(file);
}

static long long number(const char *name) {
  const char *text = getenv(name);
  return text ? atoll(text) : 0;
}

static int offers(unsigned wanted) {
  const char *at = getenv("FAKE_FORMATS");
  for (int index = 0; at && strlen(at) >= 4; index++, at += strlen(at) > 4 ? 5 : 4)
    if (v4l2_fourcc(at[0], at[1], at[2], at[3]) == wanted) return 1;
  return 0;
}

static void fill(int index, unsigned sequence) {
  unsigned char *bytes = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, camera, (off_t)index * SLOT);
  if (format == V4L2_PIX_FMT_YUYV) {
    for (int row = 0; row < HEIGHT; row++)
      for (int x = 0; x < STRIDE; x++) bytes[row * STRIDE + x] = x % 2 ? 128 : x < WIDTH * 2 ? 16 + sequence % 200 : 255;
    used_of[index] = SIZE;
  } else {
    int file = open(getenv("FAKE_JPEG"), O_RDONLY);
    ssize_t length = read(file, bytes, SIZE);
    close(file);
    used_of[index] = length > 0 ? length : 0;
  }
  munmap(bytes, SIZE);
  sequence_of[index] = sequence;
}

/* Brings the camera to the present moment. */
static void advance(void) {
  long long period = number("FAKE_PERIOD_US");
  if (!streaming || gone || period <= 0) return;
  unsigned frame = (now_us() - began) / period;
  for (; last_frame < frame; last_frame++) {
    if (queued_count == 0) continue;
    int index = queued[0];
    memmove(queued, queued + 1, --queued_count * sizeof *queued);
    fill(index, last_frame + 1);
    taken_at[index] = began + (last_frame + 1) * period;
    done[done_count++] = index;
    total_frames++;
    if (getenv("FAKE_UNPLUG_AFTER") && !unplugged_once && total_frames >= number("FAKE_UNPLUG_AFTER")) {
      gone = unplugged_once = 1;
      opens_to_refuse = number("FAKE_GONE_OPENS");
      return;
    }
  }
}

static int fail(int code) {
  errno = code;
  return -1;
}

static int control(unsigned long request, void *argument) {
  advance();
  if (gone) return fail(ENODEV);
  switch (request) {
  case VIDIOC_QUERYCAP: {
    struct v4l2_capability *found = argument;
    memset(found, 0, sizeof *found);
    strcpy((char *)found->card, "Fake camera");
    found->capabilities = found->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    return 0;
  }
  case VIDIOC_ENUM_FMT: {
    struct v4l2_fmtdesc *found = argument;
    const char *at = getenv("FAKE_FORMATS");
    size_t place = found->index * 5;
    if (!at || strlen(at) < place + 4) return fail(EINVAL);
    found->pixelformat = v4l2_fourcc(at[place], at[place + 1], at[place + 2], at[place + 3]);
    return 0;
  }
  case VIDIOC_S_FMT:
  case VIDIOC_G_FMT: {
    struct v4l2_format *found = argument;
    if (request == VIDIOC_S_FMT) {
      if (getenv("FAKE_BUSY")) return fail(EBUSY);
      if (offers(found->fmt.pix.pixelformat)) format = found->fmt.pix.pixelformat;
    }
    found->fmt.pix.width = WIDTH;
    found->fmt.pix.height = HEIGHT;
    found->fmt.pix.pixelformat = format;
    found->fmt.pix.bytesperline = format == V4L2_PIX_FMT_YUYV ? STRIDE : 0;
    found->fmt.pix.sizeimage = SIZE;
    return 0;
  }
  case VIDIOC_REQBUFS: {
    struct v4l2_requestbuffers *wish = argument;
    if (wish->count > MOST_BUFFERS) wish->count = MOST_BUFFERS;
    queued_count = done_count = 0;
    return 0;
  }
  case VIDIOC_QUERYBUF: {
    struct v4l2_buffer *buffer = argument;
    buffer->length = SIZE;
    buffer->m.offset = buffer->index * SLOT;
    return 0;
  }
  case VIDIOC_QBUF: {
    struct v4l2_buffer *buffer = argument;
    for (int at = 0; at < queued_count; at++)
      if (queued[at] == (int)buffer->index) return fail(EINVAL);
    queued[queued_count++] = buffer->index;
    return 0;
  }
  case VIDIOC_DQBUF: {
    struct v4l2_buffer *buffer = argument;
    if (done_count == 0) return fail(EAGAIN);
    buffer->index = done[0];
    memmove(done, done + 1, --done_count * sizeof *done);
    buffer->bytesused = used_of[buffer->index];
    buffer->sequence = sequence_of[buffer->index];
    int damaged = number("FAKE_DAMAGED");
    buffer->timestamp.tv_sec = taken_at[buffer->index] / 1000000;
    buffer->timestamp.tv_usec = taken_at[buffer->index] % 1000000;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->flags |= damaged && buffer->sequence % damaged == 0 ? V4L2_BUF_FLAG_ERROR : 0;
    return 0;
  }
  case VIDIOC_STREAMON:
    streaming = 1;
    began = now_us();
    last_frame = 0;
    return 0;
  case VIDIOC_STREAMOFF:
    streaming = queued_count = done_count = 0;
    return 0;
  }
  return fail(ENOTTY);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  const char *name = getenv("FAKE_CAMERA");
  if (!name || strcmp(path, name) != 0) return openat(AT_FDCWD, path, flags, mode);
  if (opens_to_refuse > 0) return opens_to_refuse--, fail(ENOENT);
  gone = streaming = 0;
  camera = memfd_create("camera", 0);
  if (camera >= 0 && ftruncate(camera, (off_t)MOST_BUFFERS * SLOT) != 0) return -1;
  return camera;
}

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* glibc declares that poll only writes to its argument */
int poll(struct pollfd *files, nfds_t count, int timeout) {
  if (count != 1 || camera < 0 || files->fd != camera) {
    int (*libc_poll)(struct pollfd *, nfds_t, int) = dlsym(RTLD_NEXT, "poll");
    return libc_poll(files, count, timeout);
  }
  advance();
  if (!gone && streaming && queued_count > 0 && done_count == 0) {
    long long now = now_us(), period = number("FAKE_PERIOD_US"), until = now + 1000LL * timeout;
    long long next = period > 0 ? began + (last_frame + 1) * period : until + 1;
    set_now_us(next < until ? next : until);
    advance();
  }
  if (done_count > 0) return files->revents = POLLIN, 1;
  if (gone || !streaming || queued_count == 0) return files->revents = POLLERR, 1;
  return 0;
}

long syscall(long call, ...) {
  long a[6];
  va_list rest;
  va_start(rest, call);
  for (int at = 0; at < 6; at++) a[at] = va_arg(rest, long);
  va_end(rest);
  if (call == SYS_ioctl && camera >= 0 && a[0] == camera) return control((unsigned)a[1], (void *)a[2]);
  static long (*libc_syscall)(long, ...);
  if (!libc_syscall) libc_syscall = dlsym(RTLD_NEXT, "syscall");
  return libc_syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}
