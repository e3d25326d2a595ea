//! A PostgreSQL server of the tests' own, in a temporary folder: one for a run, and one for each test
//! that kills it.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::missing;
use crate::ports::own_port;

/// Where Debian has PostgreSQL's programs, the newest last.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// What ends a server and removes its folder, when whoever started it is gone: it reads until then.
const KEEPER: &str = "trap '' INT TERM HUP; cat >/dev/null; \
    $AS \"$PROGRAMS/pg_ctl\" -D \"$FOLDER/data\" -m immediate -s stop; rm -rf \"$FOLDER\"";

/// A server.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    settings: String,
    /// Where it listens, if it does.
    port: u16,
    keeper: Child,
}

impl Cluster {
    /// The one of this run, which keeps nothing safely; `None` where PostgreSQL is not installed.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start("-c fsync=off -c full_page_writes=off"))
            .as_ref()
    }

    /// One that keeps what it says it keeps, to be killed.
    pub(crate) fn of_its_own() -> Option<Self> {
        Self::start("")
    }

    /// One that is spoken to at an address of this machine, too, without TLS.
    pub(crate) fn on_tcp(address: &str) -> Option<Self> {
        let mut cluster = Self::made("")?;
        cluster.listen(address);
        cluster.begin();
        Some(cluster)
    }

    fn listen(&mut self, address: &str) {
        self.port = own_port(address);
        self.settings += &format!(" -c listen_addresses={address} -c port={}", self.port);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// One that speaks TLS with a certificate for `localhost`.
    pub(crate) fn with_tls() -> Option<Self> {
        let mut cluster =
            Self::made("-c ssl=on -c ssl_cert_file=../tls.pem -c ssl_key_file=../tls.key")?;
        cluster.listen("127.0.0.1");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(cluster.certificate(), made.cert.pem()).unwrap();
        let key = cluster.folder.join("tls.key");
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        // The server's user reads it, and nobody else may.
        let owner = std::fs::metadata(cluster.folder.join("data")).unwrap();
        std::os::unix::fs::chown(&key, Some(owner.uid()), Some(owner.gid())).unwrap();
        cluster.begin();
        Some(cluster)
    }

    /// Who vouches for the certificate: itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("tls.pem")
    }

    /// An address that is spoken to under TLS.
    pub(crate) fn tls_url(&self, host: &str, roots: &Path) -> String {
        let (port, roots) = (self.port, roots.display());
        format!(
            "postgres://postgres@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={roots}"
        )
    }

    fn start(settings: &str) -> Option<Self> {
        let cluster = Self::made(settings)?;
        cluster.begin();
        Some(cluster)
    }

    fn made(settings: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            missing::tool("PostgreSQL is not installed (Debian package: postgresql)");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hub-postgres-{}-{number}", std::process::id());
        // Short, or the socket's path would be too long; and where another user may go.
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&folder, open).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("AS", other_user().join(" "))
            .env("PROGRAMS", &programs)
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Self {
            settings: format!(
                "-c listen_addresses= -c unix_socket_directories={} -c max_connections=400 \
                 -c shared_buffers=64MB -c autovacuum=off {settings}",
                folder.display()
            ),
            programs,
            folder,
            port: 5432,
            keeper,
        };
        let made = cluster.run(
            "initdb",
            &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"],
        );
        assert!(made.status.success(), "{made:?}");
        Some(cluster)
    }

    /// Starts it, perhaps again.
    pub(crate) fn begin(&self) {
        let until = Instant::now() + Duration::from_secs(120);
        let log = self.folder.join("log");
        let log = log.to_str().unwrap();
        // What is left of one that was killed goes by itself, soon.
        loop {
            let args = ["-l", log, "-o", &self.settings, "-w", "-s", "start"];
            let begun = self.run("pg_ctl", &args);
            if begun.status.success() {
                return;
            }
            assert!(Instant::now() < until, "{begun:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&self) {
        let killed = Command::new("kill").args(["-9", &self.process()]).status();
        assert!(killed.unwrap().success());
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Has all its processes stand still (`-STOP`), or go on (`-CONT`).
    pub(crate) fn signal_all(&self, name: &str) {
        let process = self.process();
        // The one that makes others first: it makes none after that.
        let sent = Command::new("kill").args([name, &process]).status();
        assert!(sent.unwrap().success());
        let children = format!("/proc/{process}/task/{process}/children");
        let children = std::fs::read_to_string(children).unwrap();
        // One of them may be gone by now.
        let children = children.split_whitespace();
        let _ = Command::new("kill").arg(name).args(children).status();
    }

    fn process(&self) -> String {
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        pid.lines().next().unwrap().to_owned()
    }

    /// Ends it in order.
    pub(crate) fn stop(&self) {
        let stopped = self.run("pg_ctl", &["-m", "fast", "-w", "-s", "stop"]);
        assert!(stopped.status.success(), "{stopped:?}");
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let program = self.programs.join(program);
        let user = other_user();
        let mut line: Vec<&str> = user.to_vec();
        line.push(program.to_str().unwrap());
        // What goes on in the background would keep pipes open.
        let (mut out, path) = (tempfile::tempfile().unwrap(), self.folder.join("data"));
        let status = Command::new(line[0])
            .args(&line[1..])
            .arg("-D")
            .arg(path)
            .args(args)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out.try_clone().unwrap())
            .status()
            .unwrap();
        use std::io::{Read as _, Seek as _};
        let mut said = Vec::new();
        out.rewind().unwrap();
        out.read_to_end(&mut said).unwrap();
        Output {
            status,
            stdout: said,
            stderr: Vec::new(),
        }
    }

    /// Runs SQL in a database; its rows, columns with `|` between them.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let mut child = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
            ])
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-d", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(sql.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// As `--database` takes it.
    fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(PROGRAMS).ok()?;
    let mut versions: Vec<PathBuf> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    let number = |programs: &Path| -> Option<u32> {
        let version = programs.parent()?.file_name()?.to_str()?;
        version.parse().ok()
    };
    versions.sort_by_key(|programs| number(programs));
    versions.pop()
}

/// The beginning of a command line that makes the rest run as another user: PostgreSQL refuses root.
fn other_user() -> &'static [&'static str] {
    match rustix::process::geteuid().is_root() {
        true => &[
            "setpriv",
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "--",
        ],
        false => &["env"],
    }
}

/// A database of a test's own.
pub(crate) struct Database {
    cluster: ClusterOf,
    name: String,
}

enum ClusterOf {
    Run(&'static Cluster),
    Test(Arc<Cluster>),
}

impl Database {
    /// What `HUB_TEST_DATABASE` says: every hub of the tests has its rows in PostgreSQL, or none has.
    pub(crate) fn of_every_hub() -> Option<Arc<Self>> {
        match std::env::var("HUB_TEST_DATABASE") {
            Ok(kind) if kind == "postgres" => {
                let made = Self::make();
                Some(made.expect("HUB_TEST_DATABASE asks for PostgreSQL, which is not installed"))
            }
            Ok(kind) => panic!("HUB_TEST_DATABASE is `postgres` or not set, not `{kind}`"),
            Err(_) => None,
        }
    }

    /// A new one; `None` where PostgreSQL is not installed.
    pub(crate) fn make() -> Option<Arc<Self>> {
        Some(Self::made_in(ClusterOf::Run(Cluster::shared()?)))
    }

    /// A new one in a cluster of the test's own.
    pub(crate) fn make_in(cluster: &Arc<Cluster>) -> Arc<Self> {
        Self::made_in(ClusterOf::Test(Arc::clone(cluster)))
    }

    fn made_in(cluster: ClusterOf) -> Arc<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("hub{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let database = Self { cluster, name };
        // With an order of text that is not the one of bytes, where there is one.
        database.administer(&format!(
            "CREATE DATABASE {} TEMPLATE template0",
            database.name
        ));
        Arc::new(database)
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        match &self.cluster {
            ClusterOf::Run(cluster) => cluster,
            ClusterOf::Test(cluster) => cluster,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.cluster().url(&self.name)
    }

    /// The same, by TCP.
    pub(crate) fn tcp_url(&self, address: &str) -> String {
        let (port, name) = (self.cluster().port, &self.name);
        format!("postgres://postgres@{address}:{port}/{name}")
    }

    /// Runs SQL, without the rules that rows of one table have for those of another; the rows it gives.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let sql = format!("SET session_replication_role = replica; {sql}");
        self.cluster().sql(&self.name, &sql)
    }

    /// A copy of it under another name. Nobody may be connected.
    pub(crate) fn save(&self, copy: &str) {
        self.administer(&format!(
            "DROP DATABASE IF EXISTS {0}_{copy}; CREATE DATABASE {0}_{copy} TEMPLATE {0}",
            self.name
        ));
    }

    /// Puts a copy in the place of it. Nobody may be connected.
    pub(crate) fn put_back(&self, copy: &str) {
        self.administer(&format!(
            "DROP DATABASE {0}; CREATE DATABASE {0} TEMPLATE {0}_{copy}",
            self.name
        ));
    }

    fn administer(&self, sql: &str) {
        for statement in sql.split("; ") {
            self.cluster().sql("postgres", statement);
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // One of a test's own goes with its cluster.
        if let ClusterOf::Run(cluster) = self.cluster {
            let sql = format!(
                "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database \
                 WHERE datname = '{0}' OR datname LIKE '{0}\\_%' \\gexec",
                self.name
            );
            cluster.sql("postgres", &sql);
        }
    }
}
