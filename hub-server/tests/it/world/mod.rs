//! A hub in a temporary folder, and a client that trusts its certificate.

use std::io::{BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use registry_schema::api::{Problem, ProblemCode, release_path, upload_path};
use registry_schema::digest::Digest;
use registry_schema::envelope;
use registry_schema::keys::SecretKey;
use registry_schema::log::note::VerifierKey;
use registry_schema::log::policy::Policy;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;
use registry_schema::trust_root::ConsortiumRoot;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};

use crate::cluster::Database;
use crate::consortium::{HubKeys, founding, trust_root};
use crate::draft::Signed;
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

/// A copy of a hub's database.
pub(crate) enum Saved {
    /// Under this name.
    Copy(&'static str),
    /// These files, with their bytes if they were there.
    Files([(PathBuf, Option<Vec<u8>>); 2]),
}

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
            url: format!("s3://{name}/its?region=test&timeout=3&endpoint=http://{address}"),
        }
    }

    /// What `HUB_TEST_BLOBS` says: every hub of the tests has its blobs in a bucket, or none has.
    fn of_every_hub() -> Option<Self> {
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

    fn start_with_both(
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
            client: Client::new_for(None),
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
        let mut child = self
            .command()
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
        let pem = std::fs::read(self.data().join("tls/dev-certificate.pem")).unwrap();
        let shown: Digest = certificate
            .strip_prefix("certificate ")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(shown, fingerprint(&pem));
        self.client = Client::new_for(Some(&pem));
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
            client: Client::new_for(None),
            token: self.token.clone(),
            log: Arc::default(),
        };
        world.serve(args);
        world
    }

    /// From now on the rows are elsewhere.
    pub(crate) fn use_database(&mut self, database: Option<&Arc<Database>>) {
        self.database = database.cloned();
    }

    /// Whether the rows are in a file of SQLite. Tests about such a file end where they are not.
    pub(crate) fn has_file(&self) -> bool {
        if self.database.is_some() {
            eprintln!("skipped: this is about a file of SQLite");
        }
        self.database.is_none()
    }

    /// Whether database and blobs are in the data folder, as backups of it need.
    pub(crate) fn is_whole_folder(&self) -> bool {
        self.has_file() && !self.is_in_bucket()
    }

    /// The file.
    fn file(&self) -> PathBuf {
        self.data().join("hub.sqlite")
    }

    /// Runs SQL behind the hub's back; the rows it gives, columns with `|` between them, and nothing
    /// that one table demands of another.
    pub(crate) fn sql(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.sql(sql),
            None => {
                let mut connection = SqliteConnection::establish(self.file().to_str().unwrap());
                let connection = connection.as_mut().unwrap();
                connection.batch_execute(sql).unwrap();
                String::new()
            }
        }
    }

    /// So many zero bytes, in SQL.
    pub(crate) fn zeroes(&self, count: usize) -> String {
        match &self.database {
            Some(_) => format!("decode(repeat('00', {count}), 'hex')"),
            None => format!("zeroblob({count})"),
        }
    }

    /// The rows of a query for one column of text.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        match &self.database {
            // Other words for the same.
            Some(_) => {
                let words = "CREATE OR REPLACE FUNCTION pg_temp.hex(bytea) RETURNS text LANGUAGE sql \
                             AS $$ SELECT upper(encode($1, 'hex')) $$; ";
                let sql = sql.replace("hex(", "pg_temp.hex(");
                let text = self.sql(&format!(
                    "{words} SELECT replace(text, E'\\n', '¶') FROM ({sql}) AS rows"
                ));
                text.lines().map(|line| line.replace('¶', "\n")).collect()
            }
            None => {
                let connection = SqliteConnection::establish(self.file().to_str().unwrap());
                let rows = diesel::sql_query(sql).load(&mut connection.unwrap());
                let rows: Vec<Row> = rows.unwrap();
                rows.into_iter().map(|row| row.text).collect()
            }
        }
    }

    /// How many columns a table has.
    pub(crate) fn columns(&self, table: &str) -> usize {
        let sql = match &self.database {
            Some(_) => format!(
                "SELECT column_name AS text FROM information_schema.columns \
                 WHERE table_name = '{table}' AND table_schema = 'public'"
            ),
            None => format!("SELECT name AS text FROM pragma_table_info('{table}')"),
        };
        self.rows(&sql).len()
    }

    /// A copy of the database of a hub that does not run.
    pub(crate) fn save_database(&self, name: &'static str) -> Saved {
        if let Some(database) = &self.database {
            database.save(name);
            return Saved::Copy(name);
        }
        // The file with its log, before SQLite has brought them together.
        Saved::Files(["hub.sqlite", "hub.sqlite-wal"].map(|name| {
            let path = self.data().join(name);
            let bytes = std::fs::read(&path).ok();
            (path, bytes)
        }))
    }

    /// Puts a copy in the place of the database.
    pub(crate) fn put_database_back(&self, saved: &Saved) {
        match (saved, &self.database) {
            (Saved::Copy(name), Some(database)) => database.put_back(name),
            (Saved::Files(files), None) => {
                for (path, bytes) in files {
                    match bytes {
                        Some(bytes) => std::fs::write(path, bytes).unwrap(),
                        None => drop(std::fs::remove_file(path)),
                    }
                }
                let _ = std::fs::remove_file(self.data().join("hub.sqlite-shm"));
            }
            _ => panic!("a copy of another kind"),
        }
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

    /// How many files uploads have, beginnings included.
    pub(crate) fn upload_files(&self) -> usize {
        count_files(&self.uploads())
    }

    /// The folder of what is on its way.
    pub(crate) fn uploads(&self) -> PathBuf {
        match &self.bucket {
            Some(bucket) => bucket.folder.join("uploads"),
            None => self.data().join("uploads"),
        }
    }

    /// The certificate that the server shows.
    pub(crate) fn certificate(&self) -> Option<reqwest::Certificate> {
        let pem = std::fs::read(self.data().join("tls/dev-certificate.pem")).unwrap();
        Some(reqwest::Certificate::from_pem(&pem).unwrap())
    }

    pub(crate) fn is_in_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    pub(crate) fn make_token(&self, member: &str, scope: &str) -> String {
        self.make_token_for(member, scope, "1h")
    }

    pub(crate) fn make_token_for(&self, member: &str, scope: &str, lifetime: &str) -> String {
        let made = self.run(&[
            "token",
            "create",
            "--member",
            member,
            "--scope",
            scope,
            "--lifetime",
            lifetime,
        ]);
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// A request with alpha's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.token, method, path)
    }

    pub(crate) fn request_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Uploads bytes in one request.
    pub(crate) async fn upload(&self, name: &Name, bytes: &[u8]) -> Response {
        let path = format!("{}?digest={}", upload_path(name), Digest::of(bytes));
        self.request(Method::POST, &path)
            .body(bytes.to_vec())
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn upload_all(&self, signed: &Signed) {
        for bytes in signed.files.values() {
            assert_eq!(
                self.upload(&signed.name, bytes).await.status(),
                StatusCode::CREATED
            );
        }
    }

    pub(crate) async fn put(&self, signed: &Signed) -> Response {
        self.put_as(&self.token, signed).await
    }

    pub(crate) async fn put_as(&self, token: &str, signed: &Signed) -> Response {
        let path = release_path(&signed.name, &Requirement::Exact(signed.version.clone()));
        self.request_as(token, Method::PUT, &path)
            .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
            .body(signed.envelope.clone())
            .send()
            .await
            .unwrap()
    }

    /// Uploads and publishes.
    pub(crate) async fn publish(&self, signed: &Signed) -> Response {
        self.upload_all(signed).await;
        self.put(signed).await
    }

    pub(crate) async fn published(&self, signed: &Signed) {
        let answer = self.publish(signed).await;
        let status = answer.status();
        assert_eq!(
            status,
            StatusCode::CREATED,
            "{}",
            answer.text().await.unwrap()
        );
    }

    /// Begins an upload; its address.
    pub(crate) async fn begin(&self, name: &Name) -> String {
        let begun = self
            .request(Method::POST, &upload_path(name))
            .header(CONTENT_LENGTH, 0)
            .send()
            .await
            .unwrap();
        assert_eq!(begun.status(), StatusCode::ACCEPTED);
        assert!(
            !begun.headers().contains_key("range"),
            "nothing has arrived"
        );
        header(&begun, "location").to_owned()
    }
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: PathBuf| if path.is_dir() { count_files(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

trait NewFor {
    fn new_for(certificate: Option<&[u8]>) -> Self;
}

impl NewFor for Client {
    fn new_for(certificate: Option<&[u8]>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = certificate.map(|pem| reqwest::Certificate::from_pem(pem).unwrap());
        Self::builder()
            .tls_certs_only(certificates)
            .https_only(true)
            .http1_only()
            .build()
            .unwrap()
    }
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

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no `{name}`"))
        .to_str()
        .unwrap()
}

/// The answer is this problem; its text.
pub(crate) async fn problem(answer: Response, code: ProblemCode) -> String {
    let (status, id) = (
        answer.status().as_u16(),
        header(&answer, "x-request-id").to_owned(),
    );
    let media_type = header(&answer, "content-type").to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(media_type, Problem::MEDIA_TYPE, "{text}");
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert_eq!(problem.code, code, "{text}");
    assert_eq!(
        (problem.status, status),
        (code.status(), code.status()),
        "{text}"
    );
    assert_eq!(problem.request_id.as_deref(), Some(id.as_str()));
    problem.detail
}

/// The answer is this error of OCI distribution; its text.
pub(crate) async fn oci_error(answer: Response, status: u16, code: &str) -> String {
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!(
        (found, body["errors"][0]["code"].as_str()),
        (status, Some(code)),
        "{text}"
    );
    body["errors"][0]["message"].as_str().unwrap().to_owned()
}
