//! The files behind a hub's back: blobs and uploads, in the data folder or in a bucket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use registry_schema::digest::Digest;

use super::World;
use crate::s3;

/// A bucket of a hub's own.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// As `serve --blobs` takes it.
    pub(crate) url: String,
    /// Where the S3 server keeps it.
    pub(crate) folder: PathBuf,
}

impl Bucket {
    /// A new bucket of a server, which is spoken to at an address.
    pub(crate) fn new(server: &s3::Server, address: SocketAddr) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("hub-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self {
            folder: server.make_bucket(&name).join("its"),
            url: format!("s3://{name}/its?region=test&endpoint=http://{address}"),
        }
    }

    /// One whose hub waits for the store for so many seconds only.
    pub(crate) fn waited_for(mut self, seconds: u32) -> Self {
        self.url += &format!("&timeout={seconds}");
        self
    }

    /// What `HUB_TEST_BLOBS` says: every hub of the tests has its blobs in a bucket, or none has.
    pub(super) fn of_every_hub() -> Option<Self> {
        match std::env::var("HUB_TEST_BLOBS") {
            Ok(kind) if kind == "s3" => {
                let server = s3::Server::shared();
                Some(Self::new(server, server.address()))
            }
            Ok(kind) => panic!("HUB_TEST_BLOBS is `s3` or not set, not `{kind}`"),
            Err(_) => None,
        }
    }
}

impl World {
    pub(crate) fn is_in_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// Whether database and blobs are in the data folder, as backups of it need.
    pub(crate) fn is_whole_folder(&self) -> bool {
        self.has_file() && !self.is_in_bucket()
    }

    /// Where the blobs and uploads are, as files, whoever keeps them.
    fn store(&self) -> PathBuf {
        match &self.bucket {
            Some(bucket) => bucket.folder.clone(),
            None => self.data().join("blobs"),
        }
    }

    /// The folder with all blobs.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.store().join("sha256")
    }

    /// The file of a blob.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.blobs().join(&hex[..2]).join(hex)
    }

    /// The folder of what is on its way.
    pub(crate) fn uploads(&self) -> PathBuf {
        match &self.bucket {
            Some(bucket) => bucket.folder.join("uploads"),
            None => self.data().join("uploads"),
        }
    }

    /// How many files uploads have, beginnings included.
    pub(crate) fn upload_files(&self) -> usize {
        count_files(&self.uploads())
    }

    /// Puts the bytes of uploads on another disk.
    pub(crate) fn move_uploads_to(&self, disk: &Path) {
        let uploads = self.data().join("uploads");
        std::fs::remove_dir_all(&uploads).unwrap();
        std::os::unix::fs::symlink(disk, uploads).unwrap();
    }

    /// Puts everything on another disk.
    pub(crate) fn move_data_to(&self, disk: &Path) {
        let moved = Command::new("cp")
            .arg("-a")
            .arg(self.data())
            .arg(disk)
            .status();
        assert!(moved.unwrap().success());
        std::fs::remove_dir_all(self.data()).unwrap();
        std::os::unix::fs::symlink(disk.join("data"), self.data()).unwrap();
    }
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: PathBuf| if path.is_dir() { count_files(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}
