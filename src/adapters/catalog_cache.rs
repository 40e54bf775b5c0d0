//! The last catalogue and gallery that the store gave, kept on the cart so that it can open while the store is away.
//!
//! A file is written whole or not at all, and carries its own checksum: what is damaged is an error, never a price.

use crate::domain::catalog::Catalog;
use crate::ports::{Store, StoreError};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The first word of every file here; a later layout has another.
const MAGIC: &str = "dashcart-cache-1";

/// Why a cached file cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// It cannot be read.
    #[error("the cached file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("the cached file {path} cannot be written: check that its folder may be written to and has space")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what was written.
    #[error("the cached file {path} is damaged ({reason}): delete it, the cart fetches a new one from the store")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why there is nothing to sell from.
#[derive(Debug, Error)]
pub enum NothingCached {
    /// The store gave nothing and there is no cached file.
    #[error("{store}; and this cart has no {what} from an earlier start: start the store once while the cart starts")]
    Missing {
        /// `catalogue` or `gallery`.
        what: &'static str,
        /// What the store said.
        store: StoreError,
    },
    /// The store gave nothing and the cached file cannot be used.
    #[error("{store}; and {cache}")]
    Unusable {
        /// What the store said.
        store: StoreError,
        /// What is wrong with the cached file.
        cache: CacheError,
    },
}

/// Something from the store, or from its last visit.
#[derive(Debug)]
pub struct Fetched<T> {
    /// The thing.
    pub content: T,
    /// Why it is not fresh from the store; `None` when it is.
    pub stale: Option<StoreError>,
    /// Why it could not be kept for the next start, where it could not.
    pub not_kept: Option<CacheError>,
}

/// A gallery file and its ETag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedGallery {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// What the store calls this state of it.
    pub etag: String,
}

/// A folder with the cached files.
#[derive(Debug, Clone)]
pub struct CatalogCache {
    folder: PathBuf,
}

impl CatalogCache {
    /// The cache in `folder`, which is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> CatalogCache {
        CatalogCache { folder: folder.into() }
    }

    /// The cached catalogue, where there is one.
    ///
    /// # Errors
    /// [`CacheError`] when the file is there but cannot be used.
    pub fn catalog(&self) -> Result<Option<Catalog>, CacheError> {
        let path = self.catalog_path();
        let Some((_, bytes)) = read(&path)? else { return Ok(None) };
        let damaged = |reason: String| CacheError::Damaged { path: path.clone(), reason };
        let catalog: Catalog = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match catalog.faults().into_iter().next() {
            None => Ok(Some(catalog)),
            Some(fault) => Err(damaged(fault)),
        }
    }

    /// Keeps a catalogue in place of the last one.
    ///
    /// # Errors
    /// [`CacheError::Unwritable`]; the last one stays then.
    pub fn keep_catalog(&self, catalog: &Catalog) -> Result<(), CacheError> {
        let path = self.catalog_path();
        match serde_json::to_vec(catalog) {
            Ok(bytes) => write(&path, &catalog.version, &bytes),
            Err(error) => Err(CacheError::Unwritable { path, source: error.into() }),
        }
    }

    /// The cached gallery, where there is one.
    ///
    /// # Errors
    /// [`CacheError`] when the file is there but cannot be used.
    pub fn gallery(&self) -> Result<Option<CachedGallery>, CacheError> {
        Ok(read(&self.gallery_path())?.map(|(etag, bytes)| CachedGallery { bytes, etag }))
    }

    /// Keeps a gallery in place of the last one.
    ///
    /// # Errors
    /// [`CacheError::Unwritable`]; the last one stays then.
    pub fn keep_gallery(&self, gallery: &CachedGallery) -> Result<(), CacheError> {
        write(&self.gallery_path(), &gallery.etag, &gallery.bytes)
    }

    /// The store's catalogue, or the cached one while the store is away.
    ///
    /// # Errors
    /// [`NothingCached`] when there is neither.
    pub fn fetch_catalog(&self, store: &dyn Store) -> Result<Fetched<Catalog>, NothingCached> {
        let cached = self.catalog();
        let known = cached.as_ref().ok().and_then(|cached| cached.as_ref()).map(|catalog| catalog.version.clone());
        let fetched = store.catalog(known.as_deref());
        settle("catalogue", fetched, cached, |catalog| self.keep_catalog(catalog))
    }

    /// The store's gallery, or the cached one while the store is away.
    ///
    /// # Errors
    /// [`NothingCached`] when there is neither.
    pub fn fetch_gallery(&self, store: &dyn Store) -> Result<Fetched<CachedGallery>, NothingCached> {
        let cached = self.gallery();
        let known = cached.as_ref().ok().and_then(|cached| cached.as_ref()).map(|gallery| gallery.etag.clone());
        let fetched = store.gallery(known.as_deref());
        let fetched = fetched.map(|fresh| fresh.map(|(bytes, etag)| CachedGallery { bytes, etag }));
        settle("gallery", fetched, cached, |gallery| self.keep_gallery(gallery))
    }

    fn catalog_path(&self) -> PathBuf {
        self.folder.join("catalog.cache")
    }

    fn gallery_path(&self) -> PathBuf {
        self.folder.join("gallery.cache")
    }
}

fn settle<T>(
    what: &'static str,
    fetched: Result<Option<T>, StoreError>,
    cached: Result<Option<T>, CacheError>,
    keep: impl FnOnce(&T) -> Result<(), CacheError>,
) -> Result<Fetched<T>, NothingCached> {
    let stale = match fetched {
        Ok(Some(content)) => {
            let not_kept = keep(&content).err();
            return Ok(Fetched { content, stale: None, not_kept });
        }
        Ok(None) => None,
        Err(error) => Some(error),
    };
    let silent =
        || StoreError::Nonsense { url: "the store".to_owned(), reason: format!("\"unchanged\" for no {what}") };
    match cached {
        Ok(Some(content)) => Ok(Fetched { content, stale, not_kept: None }),
        Ok(None) => Err(NothingCached::Missing { what, store: stale.unwrap_or_else(silent) }),
        Err(cache) => Err(NothingCached::Unusable { store: stale.unwrap_or_else(silent), cache }),
    }
}

/// Writes beside the file, forces it to the disk, then puts it in place: a reader sees the old file or the new one.
fn write(path: &Path, tag: &str, bytes: &[u8]) -> Result<(), CacheError> {
    let beside = path.with_extension(format!("part{}", std::process::id()));
    let written = (|| {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = File::create(&beside)?;
        file.write_all(head(tag, bytes).as_bytes())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The new name is on the disk only when the folder is.
        File::open(folder)?.sync_all()
    })();
    written.map_err(|source| {
        // The file beside is of no use to anyone; that it may not be there is no second error.
        let _ = fs::remove_file(&beside);
        CacheError::Unwritable { path: path.to_owned(), source }
    })
}

/// The first line of a file: what it is, the checksum of the tag and the bytes after it, and the tag.
fn head(tag: &str, bytes: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(tag.as_bytes());
    digest.update([0]);
    digest.update(bytes);
    let sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{MAGIC} {sha256} {tag}\n")
}

fn read(path: &Path) -> Result<Option<(String, Vec<u8>)>, CacheError> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CacheError::Unreadable { path: path.to_owned(), source }),
    };
    let damaged = |reason: &str| CacheError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let end = content.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let first = std::str::from_utf8(&content[..end]).map_err(|_| damaged("its first line is no text"))?;
    let mut words = first.splitn(3, ' ');
    let (magic, _sha256, tag) = (words.next(), words.next(), words.next());
    if magic != Some(MAGIC) {
        return Err(damaged("it is no cached file of this version"));
    }
    let tag = tag.ok_or_else(|| damaged("its first line is cut short"))?.to_owned();
    let bytes = content[end + 1..].to_vec();
    if head(&tag, &bytes).as_bytes() != &content[..=end] {
        return Err(damaged("its checksum does not fit"));
    }
    Ok(Some((tag, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checkout::{Receipt, TripKey, TripOrder};
    use crate::domain::units::{Currency, Sku};

    /// A store that answers what it was told, or is away.
    struct Scripted(Option<Option<Catalog>>);

    impl Scripted {
        fn away<T>() -> Result<T, StoreError> {
            Err(StoreError::Unreachable { url: "http://store".into(), reason: "it is away".into() })
        }
    }

    impl Store for Scripted {
        fn catalog(&self, _known_version: Option<&str>) -> Result<Option<Catalog>, StoreError> {
            self.0.clone().map_or_else(Scripted::away, Ok)
        }
        fn gallery(&self, known_etag: Option<&str>) -> Result<Option<(Vec<u8>, String)>, StoreError> {
            match (&self.0, known_etag) {
                (None, _) => Scripted::away(),
                (Some(_), Some("\"g1\"")) => Ok(None),
                (Some(_), _) => Ok(Some((vec![0, b'\n', 255], "\"g1\"".into()))),
            }
        }
        fn picture(&self, _sku: &Sku) -> Result<Vec<u8>, StoreError> {
            Scripted::away()
        }
        fn post_trip(&self, _trip: &TripOrder) -> Result<Receipt, StoreError> {
            Scripted::away()
        }
        fn trip(&self, _key: &TripKey) -> Result<Option<Receipt>, StoreError> {
            Scripted::away()
        }
    }

    fn catalog(version: &str) -> Catalog {
        Catalog {
            version: version.into(),
            currency: Currency::EUR,
            products: Default::default(),
            containers: Vec::new(),
        }
    }

    #[test]
    fn a_cart_opens_with_the_last_catalogue_while_the_store_is_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CatalogCache::new(folder.path().join("not/yet/there"));
        let error = cache.fetch_catalog(&Scripted(None)).expect_err("nothing to sell from").to_string();
        assert!(error.contains("it is away") && error.contains("no catalogue from an earlier start"), "{error}");

        let fresh = cache.fetch_catalog(&Scripted(Some(Some(catalog("1"))))).expect("from the store");
        assert!(fresh.stale.is_none() && fresh.not_kept.is_none());
        let unchanged = cache.fetch_catalog(&Scripted(Some(None))).expect("unchanged");
        assert!(unchanged.stale.is_none());
        let cached = cache.fetch_catalog(&Scripted(None)).expect("from the cache");
        assert_eq!(cached.content, catalog("1"));
        assert!(cached.stale.is_some());

        cache.fetch_catalog(&Scripted(Some(Some(catalog("2"))))).expect("from the store");
        assert_eq!(cache.catalog().expect("reads"), Some(catalog("2")));
    }

    #[test]
    fn a_gallery_is_kept_with_its_etag() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CatalogCache::new(folder.path());
        let gallery = CachedGallery { bytes: vec![0, b'\n', 255], etag: "\"g1\"".into() };
        assert_eq!(cache.fetch_gallery(&Scripted(Some(None))).expect("from the store").content, gallery);
        assert_eq!(cache.fetch_gallery(&Scripted(Some(None))).expect("unchanged").content, gallery);
        assert_eq!(cache.fetch_gallery(&Scripted(None)).expect("from the cache").content, gallery);
    }

    #[test]
    fn a_damaged_file_is_refused_by_name_and_replaced_by_the_next_fetch() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CatalogCache::new(folder.path());
        cache.keep_catalog(&catalog("1")).expect("keeps");
        let path = folder.path().join("catalog.cache");
        let whole = fs::read(&path).expect("reads");
        let mut flipped = whole.clone();
        flipped[whole.len() - 3] ^= 1;
        for (what, content) in [
            ("a flipped bit", flipped.as_slice()),
            ("cut short", &whole[..whole.len() - 5]),
            ("cut in its first line", &whole[..20]),
            ("something else", b"{}\n"),
            ("empty", b""),
        ] {
            fs::write(&path, content).expect("writes");
            let error = cache.catalog().expect_err(what).to_string();
            assert!(error.contains("catalog.cache") && error.contains("delete it"), "{what}: {error}");
            let error = cache.fetch_catalog(&Scripted(None)).expect_err(what).to_string();
            assert!(error.contains("it is away") && error.contains("damaged"), "{what}: {error}");
        }
        cache.fetch_catalog(&Scripted(Some(Some(catalog("2"))))).expect("the store helps");
        assert_eq!(cache.catalog().expect("reads"), Some(catalog("2")));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_but_does_not_stop_the_cart() {
        let cache = CatalogCache::new("/proc/no-such-folder");
        let fetched = cache.fetch_catalog(&Scripted(Some(Some(catalog("1"))))).expect("from the store");
        assert!(matches!(fetched.not_kept, Some(CacheError::Unwritable { .. })));
    }
}
