//! The way to a bucket: whose keys, which certificates, how patient.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};

use super::{Bucket, Shared, Threads};
use crate::blobs::BlobError;
use crate::bucket_address::BucketAddress;

/// A connection that is not there by then is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request is sent again that failed through no fault of its own.
const RETRIES: usize = 4;

/// A request that failed is not sent again after this time.
const RETRY_FOR: Duration = Duration::from_secs(20);

/// Where keys come from: what programs that speak to S3 read.
const KEYS: [(&str, AmazonS3ConfigKey); 9] = [
    ("AWS_ACCESS_KEY_ID", AmazonS3ConfigKey::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", AmazonS3ConfigKey::SecretAccessKey),
    ("AWS_SESSION_TOKEN", AmazonS3ConfigKey::Token),
    ("AWS_DEFAULT_REGION", AmazonS3ConfigKey::DefaultRegion),
    ("AWS_REGION", AmazonS3ConfigKey::Region),
    (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        AmazonS3ConfigKey::WebIdentityTokenFile,
    ),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
    ),
];

impl Bucket {
    /// Makes ready to speak to a bucket; it is not asked yet.
    pub(in crate::blobs) fn open(address: &BucketAddress) -> Result<Self, BlobError> {
        // Whoever was first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let threads = tokio::runtime::Builder::new_multi_thread()
            .thread_name("bucket")
            .enable_all()
            .build()
            .map_err(|error| settings(format!("no threads: {error}")))?;
        let prefix = match address.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                store: store(address)?,
                prefix,
                name: address.to_string(),
                threads: Threads(Some(threads)),
            }),
        })
    }
}

fn store(address: &BucketAddress) -> Result<AmazonS3, BlobError> {
    let mut builder = AmazonS3Builder::new();
    for (name, key) in KEYS {
        if let Ok(value) = env::var(name) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(file) = &address.credentials {
        let (id, secret, token) = keys_of(file)?;
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
        builder = match token {
            Some(token) => builder.with_token(token),
            None => builder,
        };
    }
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &address.region {
        builder = builder.with_region(region);
    }
    let mut options = ClientOptions::new()
        .with_allow_http(address.is_plain_http())
        .with_connect_timeout(CONNECT_TIMEOUT)
        // A large object takes its time; what stands still does not.
        .with_timeout_disabled()
        .with_read_timeout(address.timeout);
    if let Some(file) = &address.certificate {
        let pem = fs::read(file).map_err(|source| BlobError::new("read", file, source))?;
        let certificate = Certificate::from_pem(&pem).map_err(unusable)?;
        options = options.with_root_certificate(certificate);
    }
    builder
        .with_bucket_name(&address.bucket)
        .with_client_options(options)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(3),
                base: 2.0,
            },
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
        })
        .build()
        .map_err(unusable)
}

/// Key id, secret and token of a file with lines such as `AWS_ACCESS_KEY_ID=…`, in capitals or not, with
/// sections or not.
fn keys_of(file: &Path) -> Result<(String, String, Option<String>), BlobError> {
    let text = fs::read_to_string(file).map_err(|source| BlobError::new("read", file, source))?;
    let value_of = |wanted: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let is_wanted = |(key, _): &(&str, &str)| key.trim().eq_ignore_ascii_case(wanted);
        pairs
            .into_iter()
            .find(is_wanted)
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let missing = |what: &str| settings(format!("`{}` has no `{what}`", file.display()));
    let id = value_of("aws_access_key_id").ok_or_else(|| missing("aws_access_key_id"))?;
    let secret =
        value_of("aws_secret_access_key").ok_or_else(|| missing("aws_secret_access_key"))?;
    Ok((id, secret, value_of("aws_session_token")))
}

fn unusable(error: object_store::Error) -> BlobError {
    settings(error.to_string())
}

fn settings(reason: String) -> BlobError {
    BlobError::Settings { reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn keys_come_from_a_file_in_either_form_and_show_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        for text in [
            "AWS_ACCESS_KEY_ID=id-1\nAWS_SECRET_ACCESS_KEY=\"hush\"\n",
            "[default]\naws_access_key_id = id-1\naws_secret_access_key = hush\naws_session_token = t\n",
        ] {
            fs::write(&file, text).unwrap();
            let (id, secret, token) = keys_of(&file).unwrap();
            assert_eq!((id.as_str(), secret.as_str()), ("id-1", "hush"));
            assert_eq!(token.is_some(), text.contains("token"));
        }
        let address = format!("s3://b/p?region=eu&credentials={}", file.display());
        let bucket = Bucket::open(&address.parse().unwrap()).unwrap();
        assert_eq!(format!("{bucket:?}"), "Bucket(s3://b/p)");
        fs::write(&file, "aws_access_key_id = id-1\n").unwrap();
        let error = keys_of(&file).unwrap_err();
        assert!(error.to_string().contains("aws_secret_access_key"));
    }
}
