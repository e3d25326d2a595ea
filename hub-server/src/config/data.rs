//! Arguments of nearly every command: where the rows and the blobs are.

use std::path::PathBuf;

use clap::Args;

use crate::bucket_address::{AddressError, BucketAddress};

/// The folder that holds everything.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// The folder that holds everything: database, blobs, keys, certificate
    #[arg(long = "data", value_name = "DIR", env = "HUB_SERVER_DATA")]
    pub folder: PathBuf,
    /// A PostgreSQL database in the place of the file in the folder, which several servers may share:
    /// `postgres://USER:PASSWORD@HOST/NAME?sslrootcert=FILE`; the password may be in PGPASSWORD
    #[arg(
        long,
        value_name = "URL",
        env = "HUB_SERVER_DATABASE",
        hide_env_values = true
    )]
    pub database: Option<DatabaseUrl>,
}

/// Where a PostgreSQL database is, perhaps with a password: shown to nobody.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

impl DatabaseUrl {
    /// The URL, password included.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// The place of the blobs.
#[derive(Clone, Debug, Args)]
pub struct BlobsArgs {
    /// The bucket that holds the blobs, `s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION`;
    /// without it they are in the data folder. Keys come from AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY, or from a file that `credentials=FILE` names in the address
    #[arg(long = "blobs", value_name = "S3_URL", env = "HUB_SERVER_BLOBS")]
    pub bucket: Option<BucketAddress>,
}

/// A place where blobs can be.
#[derive(Clone, Debug)]
pub enum BlobsPlace {
    /// A data folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketAddress),
}

impl std::str::FromStr for BlobsPlace {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with("s3:") {
            text.parse().map(Self::Bucket)
        } else {
            Ok(Self::Folder(PathBuf::from(text)))
        }
    }
}
