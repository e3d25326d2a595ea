//! A server of the S3 protocol, by another party, in a process of its own that can be killed; and a
//! way to it on which things go wrong.
//!
//! The process is the test program itself, told to run the one test that serves.
#![allow(
    dead_code,
    unused_imports,
    reason = "not every program that uses this does everything, and a bench has no tests"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

/// The keys that the server knows.
const KEY_ID: &str = "hub-test";
const SECRET: &str = "secret-of-the-test";

/// Tells the process which folder it serves.
const FOLDER: &str = "HUB_TEST_S3_FOLDER";

/// What the process says before its address.
const GREETING: &str = "s3 at ";

/// Gives a program the keys.
pub(crate) fn with_keys(command: &mut Command) -> &mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
}

/// The same as a file.
pub(crate) fn write_keys(file: &Path) {
    let text = format!("aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n");
    std::fs::write(file, text).unwrap();
}

/// A server and its folder, in which each bucket is a folder, and each object a file.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, address) = spawn(folder.path());
        Self {
            folder,
            child,
            address,
        }
    }

    /// The server that all tests of this program share.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new bucket's folder.
    pub(crate) fn make_bucket(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Serves the same folder again, at another address.
    pub(crate) fn serve_again(&mut self) {
        (self.child, self.address) = spawn(self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> (Child, SocketAddr) {
    let module = module_path!().split_once("::").unwrap().1;
    let test = format!("{module}::the_process_that_serves");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(FOLDER, folder)
        // It ends with whoever holds the other end.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, address) = line.split_once(GREETING)?;
        Some(address.parse().unwrap())
    });
    // After a minute it says that the test takes long, and would end if nobody heard it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, address.expect("an S3 server that starts"))
}

/// Serves when it is run by [`spawn`]; nothing to test otherwise.
#[test]
fn the_process_that_serves() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        writeln!(
            std::io::stdout(),
            "{GREETING}{}",
            listener.local_addr().unwrap()
        )
        .unwrap();
        let ended = tokio::task::spawn_blocking(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        });
        let accept = async {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        };
        tokio::select! {
            () = accept => {}
            _ = ended => {}
        }
    });
    runtime.shutdown_background();
    // Nobody else is there to do it.
    let _ = std::fs::remove_dir_all(folder);
}

/// What a way does with a new connection. What was open when it changes is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It passes on.
    None,
    /// It answers every request with this status.
    Status(u16),
    /// It closes the connection after so many bytes of answers.
    CutAfter(u64),
    /// It takes requests and never answers.
    Silence,
    /// It answers requests to copy an object with this status, and copies nothing; the rest it passes on.
    Copies(u16),
}

#[derive(Debug)]
struct State {
    to: SocketAddr,
    fault: Fault,
    /// How many connections it is still for; without a number all.
    left: Option<u32>,
    /// Grows with each change.
    epoch: u64,
    /// Heads of all requests.
    heads: String,
}

/// A fixed address before a server.
#[derive(Clone)]
pub(crate) struct Way {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Way {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(State {
                to: server.address(),
                fault: Fault::None,
                left: None,
                epoch: 0,
                heads: String::new(),
            })),
        };
        let own = way.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.lead(connection));
            }
        });
        way
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens from now on, to so many connections or to all.
    pub(crate) fn set(&self, fault: Fault, connections: Option<u32>) {
        let mut state = self.state.lock().unwrap();
        state.fault = fault;
        state.left = connections;
        state.epoch += 1;
    }

    /// Leads to another server from now on.
    pub(crate) fn lead_to(&self, server: &Server) {
        let mut state = self.state.lock().unwrap();
        state.to = server.address();
        state.epoch += 1;
    }

    /// The beginnings of all that was asked so far.
    pub(crate) fn heads(&self) -> String {
        self.state.lock().unwrap().heads.clone()
    }

    fn next(&self) -> (SocketAddr, Fault, u64) {
        let mut state = self.state.lock().unwrap();
        let fault = match &mut state.left {
            Some(0) => Fault::None,
            Some(left) => {
                *left -= 1;
                state.fault
            }
            None => state.fault,
        };
        (state.to, fault, state.epoch)
    }

    fn lead(&self, mut client: TcpStream) {
        let (to, fault, epoch) = self.next();
        match fault {
            Fault::Status(status) => {
                let _ = client.read(&mut [0; 64 << 10]);
                let answer = format!(
                    "HTTP/1.1 {status} Trouble\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = client.write_all(answer.as_bytes());
                let _ = client.shutdown(Shutdown::Write);
                // Closed with bytes unread, the answer would be lost.
                drain(&mut client);
            }
            Fault::Silence => drain(&mut client),
            Fault::None | Fault::CutAfter(_) | Fault::Copies(_) => {
                let Ok(server) = TcpStream::connect(to) else {
                    return;
                };
                let limit = match fault {
                    Fault::CutAfter(bytes) => bytes,
                    _ => u64::MAX,
                };
                let own = self.clone();
                let (from, into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || own.pass(from, into, u64::MAX, epoch, Some(fault)));
                self.pass(server, client, limit, epoch, None);
            }
        }
    }

    /// Passes bytes on until either side, the limit or a change ends it; then both are closed. Of requests,
    /// which may meet a fault, the heads are kept.
    fn pass(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        limit: u64,
        epoch: u64,
        requests: Option<Fault>,
    ) {
        from.set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let (mut piece, mut left) = (vec![0; 64 << 10], limit);
        loop {
            let read = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if is_timeout(&error) => {
                    if self.state.lock().unwrap().epoch != epoch {
                        break;
                    }
                    continue;
                }
                Err(_) => break,
            };
            let mut state = self.state.lock().unwrap();
            if state.epoch != epoch {
                break;
            }
            if let Some(fault) = requests {
                let text = String::from_utf8_lossy(&piece[..read.min(4096)]);
                if text.contains(" HTTP/1.1\r\n") {
                    state.heads.push_str(&text);
                }
                if let Fault::Copies(status) = fault
                    && text.contains("\r\nx-amz-copy-source:")
                {
                    let answer = format!(
                        "HTTP/1.1 {status} Trouble\r\ncontent-type: application/xml\r\ncontent-length: 19\r\nconnection: close\r\n\r\n<CopyObjectResult/>"
                    );
                    let _ = from.write_all(answer.as_bytes());
                    break;
                }
            }
            drop(state);
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(read);
            if to.write_all(&piece[..wanted]).is_err() {
                break;
            }
            left -= wanted as u64;
            if left == 0 {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock)
}

fn drain(client: &mut TcpStream) {
    let mut piece = vec![0; 64 << 10];
    while client.read(&mut piece).is_ok_and(|read| read > 0) {}
}
