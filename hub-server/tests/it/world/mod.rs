//! A hub in a temporary folder, and a client that trusts its certificate.

mod asking;
mod rows;
mod store;
mod waiting;

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use registry_schema::digest::Digest;
use registry_schema::keys::SecretKey;
use registry_schema::log::note::VerifierKey;
use registry_schema::log::policy::Policy;
use registry_schema::trust_root::ConsortiumRoot;
use reqwest::Client;

pub(crate) use asking::{header, oci_error, problem};
pub(crate) use store::Bucket;
pub(crate) use waiting::{PATIENCE, eventually};

use crate::cluster::Database;
use crate::consortium::{HubKeys, founding, trust_root};
use crate::s3;

/// Members by the byte their key is made of.
pub(crate) const ALPHA: u8 = 1;
pub(crate) const BETA: u8 = 2;
pub(crate) const GAMMA: u8 = 3;

pub(crate) struct World {
    folder: tempfile::TempDir,
    /// Where the rows are, when they are not in a file of the data folder.
    database: Option<Arc<Database>>,
    /// Where the blobs are, when they are not in the data folder.
    bucket: Option<Bucket>,
    server: Option<Child>,
    pub(crate) base: String,
    /// Where it is watched, if it was told to be.
    pub(crate) watched: Option<String>,
    pub(crate) client: Client,
    /// Publishing token of alpha.
    pub(crate) token: String,
    log: Arc<Mutex<String>>,
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

impl World {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(args: &[&str]) -> Self {
        Self::start_logged(args, |_| None)
    }

    /// A hub whose log has the policy that is made of its key.
    pub(crate) fn start_logged(
        args: &[&str],
        log_policy: impl FnOnce(&VerifierKey) -> Option<String>,
    ) -> Self {
        Self::start_with_both(
            Database::of_every_hub(),
            Bucket::of_every_hub(),
            args,
            log_policy,
        )
    }

    /// A hub with its rows in a database, whatever `HUB_TEST_DATABASE` says.
    pub(crate) fn start_on(
        database: Option<Arc<Database>>,
        args: &[&str],
        log_policy: impl FnOnce(&VerifierKey) -> Option<String>,
    ) -> Self {
        Self::start_with_both(database, Bucket::of_every_hub(), args, log_policy)
    }

    /// A hub with its blobs in a bucket, whatever `HUB_TEST_BLOBS` says.
    pub(crate) fn start_in(bucket: Bucket, args: &[&str]) -> Self {
        Self::start_with_both(Database::of_every_hub(), Some(bucket), args, |_| None)
    }

    /// A hub with its rows in a database and its blobs in a bucket, or in its folder where there is none.
    pub(crate) fn start_with_both(
        database: Option<Arc<Database>>,
        bucket: Option<Bucket>,
        args: &[&str],
        log_policy: impl FnOnce(&VerifierKey) -> Option<String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let keys = HubKeys::of(&data);
        let text = log_policy(&log_key(&data)).unwrap_or_else(|| keys.log_policy());
        let draft_file = folder.path().join("founding.draft");
        let draft = founding(&text, &keys.online).to_text().unwrap();
        std::fs::write(&draft_file, draft).unwrap();
        let init = ["init", "--root", draft_file.to_str().unwrap()];
        let mut world = Self {
            folder,
            database,
            bucket,
            server: None,
            base: String::new(),
            watched: None,
            client: client(None),
            token: String::new(),
            log: Arc::default(),
        };
        let init = world.run(&init);
        assert!(init.status.success(), "{init:?}");
        world.serve(args);
        world.token = world.make_token("alpha", "publish");
        world
    }

    /// The trust root with which the hub was made.
    pub(crate) fn trust_root(&self) -> ConsortiumRoot {
        trust_root(&self.data())
    }

    /// The policy that has this hub's log and no witness.
    pub(crate) fn log_policy(&self) -> Policy {
        Policy::of_log(&log_key(&self.data()))
    }

    /// What `log verify` prints, and whether it is content.
    pub(crate) fn verify_log(&self) -> (bool, String) {
        let output = self.run(&["log", "verify"]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the server on the same data.
    pub(crate) fn serve(&mut self, args: &[&str]) {
        self.serve_by(self.command(), args);
    }

    /// The same, by a program that was told more.
    pub(crate) fn serve_by(&mut self, mut program: Command, args: &[&str]) {
        let mut child = program
            .args(["serve", "--listen", "127.0.0.1:0", "--dev-tls", "--data"])
            .arg(self.data())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut certificate = lines.next().unwrap().unwrap();
        let watched = certificate.strip_prefix("metrics at ").map(str::to_owned);
        if watched.is_some() {
            certificate = lines.next().unwrap().unwrap();
        }
        self.watched = watched.map(|address| address.replace("/metrics", ""));
        let listening = lines.next().unwrap().unwrap();
        self.base = listening.strip_prefix("listening on ").unwrap().to_owned();
        let (log, mut stderr) = (Arc::clone(&self.log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut piece) {
                log.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&piece[..read]));
            }
        });
        self.server = Some(child);
        let pem = std::fs::read(self.certificate_file()).unwrap();
        let shown: Digest = certificate
            .strip_prefix("certificate ")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(shown, fingerprint(&pem));
        self.client = client(Some(&pem));
    }

    /// Ends the server without a chance to tidy up, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// The server's process, to be ended by somebody else.
    pub(crate) fn take_server(&mut self) -> Child {
        self.server.take().unwrap()
    }

    pub(crate) fn server_mut(&mut self) -> &mut Child {
        self.server.as_mut().unwrap()
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = self.command();
        command.env("HUB_SERVER_DATA", self.data());
        command.args(args).output().unwrap()
    }

    /// The program, told where the rows and the blobs are.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub-server"));
        match &self.database {
            Some(database) => command.env("HUB_SERVER_DATABASE", database.url()),
            None => command.env_remove("HUB_SERVER_DATABASE"),
        };
        match &self.bucket {
            Some(bucket) => s3::with_keys(&mut command).env("HUB_SERVER_BLOBS", &bucket.url),
            None => command.env_remove("HUB_SERVER_BLOBS"),
        };
        command
    }

    /// Another server of the same database and the same blobs, with a folder of its own.
    pub(crate) fn replica(&self, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (self.data(), folder.path().join("data"));
        std::fs::create_dir_all(to.join("keys")).unwrap();
        for file in std::fs::read_dir(from.join("keys")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join("keys").join(file.file_name())).unwrap();
        }
        std::os::unix::fs::symlink(from.join("blobs"), to.join("blobs")).unwrap();
        let mut world = Self {
            folder,
            database: self.database.clone(),
            bucket: self.bucket.clone(),
            server: None,
            base: String::new(),
            watched: None,
            client: client(None),
            token: self.token.clone(),
            log: Arc::default(),
        };
        world.serve(args);
        world
    }

    /// The file of the certificate that the server shows.
    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.data().join("tls/dev-certificate.pem")
    }

    /// The certificate in it.
    pub(crate) fn certificate(&self) -> Option<reqwest::Certificate> {
        let pem = std::fs::read(self.certificate_file()).unwrap();
        Some(reqwest::Certificate::from_pem(&pem).unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// A client that trusts this certificate alone.
fn client(certificate: Option<&[u8]>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = certificate.map(|pem| reqwest::Certificate::from_pem(pem).unwrap());
    Client::builder()
        .tls_certs_only(certificates)
        .https_only(true)
        .http1_only()
        .build()
        .unwrap()
}

fn fingerprint(pem: &[u8]) -> Digest {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    Digest::of(&CertificateDer::from_pem_slice(pem).unwrap())
}

/// The key of a hub's log, made if there is none.
pub(crate) fn log_key(data: &Path) -> VerifierKey {
    HubKeys::of(data).log.parse().unwrap()
}

pub(crate) fn hub_server(args: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hub-server"))
        .args(args)
        .env("HUB_SERVER_DATA", data)
        .env_remove("HUB_SERVER_DATABASE")
        .output()
        .unwrap()
}
