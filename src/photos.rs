//! Photos on disk: one read as a picture, and the lists and folders that say which product each shows.

use crate::domain::units::Stamp;
use crate::ports::Frame;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why photos cannot be read.
#[derive(Debug, Error)]
pub enum PhotoError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the system, or the decoder, said.
        reason: String,
    },
    /// A list has a line that makes no sense.
    #[error("line {line} of {path}: {reason}")]
    List {
        /// The list.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to read.
    #[error("there is no photo (.jpg, .jpeg, .png or .webp) in {path}")]
    Empty {
        /// The folder or list.
        path: String,
    },
}

/// One class of photos: a product as bought, and the kind of goods it is one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name; also its SKU.
    pub name: String,
    /// The name of its coarse class.
    pub coarse: String,
}

/// One photo and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Where it is.
    pub path: PathBuf,
    /// The place of its class in [`Photos::classes`].
    pub class: usize,
    /// The group that the list's folders put it in, for example `Fruit`; empty where there is none.
    pub group: String,
}

/// Photos and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photos {
    /// The classes.
    pub classes: Vec<Class>,
    /// The photos, in the order of the list or of their paths.
    pub photos: Vec<Photo>,
}

impl Photos {
    /// The photos of one split of a dataset in the layout of the Grocery Store Dataset: `classes.csv` and `SPLIT.txt`
    /// with lines `path, fine, coarse`.
    ///
    /// # Errors
    /// [`PhotoError`]; the photos themselves are not looked at.
    pub fn of_dataset(dataset: &Path, split: &str) -> Result<Photos, PhotoError> {
        let classes = classes(&dataset.join("classes.csv"))?;
        let list = dataset.join(format!("{split}.txt"));
        let mut photos = Vec::new();
        for (number, line) in text(&list)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fault = |reason: String| PhotoError::List { path: shown(&list), line: number + 1, reason };
            let mut parts = line.split(',').map(str::trim);
            let (Some(path), Some(fine)) = (parts.next(), parts.next()) else {
                return Err(fault("it is not `path, fine, coarse`".into()));
            };
            let class = fine.parse().ok().filter(|class| *class < classes.len());
            let class = class.ok_or_else(|| fault(format!("{fine:?} is no class of classes.csv")))?;
            let group = path.split('/').nth(1).filter(|_| path.matches('/').count() > 1).unwrap_or_default();
            photos.push(Photo { path: dataset.join(path), class, group: group.to_owned() });
        }
        let photos = Photos { classes, photos };
        if photos.photos.is_empty() { Err(PhotoError::Empty { path: shown(&list) }) } else { Ok(photos) }
    }

    /// The photos in the folders `FOLDER/SKU/`.
    ///
    /// # Errors
    /// [`PhotoError`]; a folder without a photo is one.
    pub fn of_folders(folder: &Path) -> Result<Photos, PhotoError> {
        let mut photos = Photos { classes: Vec::new(), photos: Vec::new() };
        for place in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for path in photos_in(&place)? {
                photos.photos.push(Photo { path, class: photos.classes.len(), group: String::new() });
            }
            photos.classes.push(Class { coarse: name.clone(), name });
        }
        if photos.photos.is_empty() { Err(PhotoError::Empty { path: shown(folder) }) } else { Ok(photos) }
    }
}

/// The photos that lie in a folder, by name.
///
/// # Errors
/// [`PhotoError`]; a folder without a photo is one.
pub fn photos_in(folder: &Path) -> Result<Vec<PathBuf>, PhotoError> {
    let is_photo = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        path.is_file() && ["jpg", "jpeg", "png", "webp"].iter().any(|known| ending == *known)
    };
    let found: Vec<PathBuf> = entries(folder)?.into_iter().filter(is_photo).collect();
    if found.is_empty() { Err(PhotoError::Empty { path: shown(folder) }) } else { Ok(found) }
}

/// Reads one photo.
///
/// # Errors
/// [`PhotoError::Unreadable`].
pub fn read(path: &Path) -> Result<Frame, PhotoError> {
    let fault = |reason: String| PhotoError::Unreadable { path: shown(path), reason };
    // The content says what it is; the name may be wrong.
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let picture = reader.map_err(|error| fault(error.to_string()))?.decode();
    let picture = picture.map_err(|error| fault(error.to_string()))?.into_rgb8();
    Ok(Frame { at: Stamp(0), width: picture.width(), height: picture.height(), rgb: picture.into_raw() })
}

fn classes(path: &Path) -> Result<Vec<Class>, PhotoError> {
    let mut classes: Vec<Class> = Vec::new();
    for (number, line) in text(path)?.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |reason: &str| PhotoError::List { path: shown(path), line: number + 1, reason: reason.into() };
        let parts: Vec<&str> = line.split(',').map(str::trim).collect();
        let [name, id, coarse, ..] = parts[..] else { return Err(fault("it is not `name, id, coarse name, ...`")) };
        if id.parse() != Ok(classes.len()) {
            return Err(fault("its id is not the next one: the ids must count from 0"));
        }
        classes.push(Class { name: name.to_owned(), coarse: coarse.to_owned() });
    }
    Ok(classes)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PhotoError> {
    let fault = |error: std::io::Error| PhotoError::Unreadable { path: shown(folder), reason: error.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        found.push(entry.map_err(fault)?.path());
    }
    found.sort();
    Ok(found)
}

fn text(path: &Path) -> Result<String, PhotoError> {
    std::fs::read_to_string(path)
        .map_err(|error| PhotoError::Unreadable { path: shown(path), reason: error.to_string() })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    const CLASSES: &str = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)\n\
                           Gala,0,Apple,0\nPink,1,Apple,0\nLime,2,Lime,1\n";

    #[test]
    fn a_dataset_is_read_with_its_classes_and_groups() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join("classes.csv"), CLASSES).unwrap();
        write(folder.path().join("val.txt"), "val/Fruit/Lime/L_1.webp, 2, 1\n\nval/Fruit/Apple/A.jpg, 0, 0\n").unwrap();
        let photos = Photos::of_dataset(folder.path(), "val").unwrap();
        assert_eq!(photos.classes[2], Class { name: "Lime".into(), coarse: "Lime".into() });
        let expected = Photo { path: folder.path().join("val/Fruit/Lime/L_1.webp"), class: 2, group: "Fruit".into() };
        assert_eq!((photos.photos.len(), &photos.photos[0]), (2, &expected));
    }

    #[test]
    fn what_is_wrong_with_a_dataset_is_said_with_its_place() {
        for (classes, list, says) in [
            (Some(CLASSES), None, "val.txt"),
            (None, Some("a/b.jpg, 0, 0"), "classes.csv"),
            (Some(CLASSES), Some("a/b.jpg, 0, 0\na/b.jpg"), "line 2"),
            (Some(CLASSES), Some("a/b.jpg, 3, 0"), "\"3\" is no class"),
            (Some(CLASSES), Some(""), "there is no photo"),
            (Some("header\nGala,1,Apple,0"), Some("a/b.jpg, 0, 0"), "count from 0"),
            (Some("header\nGala"), Some("a/b.jpg, 0, 0"), "line 2"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            if let Some(classes) = classes {
                write(folder.path().join("classes.csv"), classes).unwrap();
            }
            if let Some(list) = list {
                write(folder.path().join("val.txt"), list).unwrap();
            }
            let error = Photos::of_dataset(folder.path(), "val").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn folders_are_products_and_their_photos_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pear/2.png", "pear/1.JPG", "apple/x.webp", "apple/notes.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(path, "not a picture").unwrap();
        }
        let photos = Photos::of_folders(folder.path()).unwrap();
        let names: Vec<&str> = photos.classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!((names, photos.photos.len()), (vec!["apple", "pear"], 3));
        let broken = read(&folder.path().join("pear/2.png")).unwrap_err().to_string();
        assert!(broken.contains("pear/2.png"), "{broken}");
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        assert!(matches!(Photos::of_folders(folder.path()), Err(PhotoError::Empty { .. })));
        assert!(matches!(Photos::of_folders(&folder.path().join("absent")), Err(PhotoError::Unreadable { .. })));
    }
}
