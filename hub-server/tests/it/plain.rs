//! The server in plain HTTP on loopback, spoken to byte by byte.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use crate::world::{PATIENCE, World};

pub(crate) struct Plain {
    server: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Plain {
    /// Starts it on a data folder on which no other one runs.
    pub(crate) fn start(world: &World, args: &[&str]) -> Self {
        let mut server = world
            .command()
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(world.data())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        let address = address.parse().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (kept, mut stderr) = (Arc::clone(&log), server.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut piece = [0; 1 << 16];
            while let Ok(read @ 1..) = stderr.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..read]);
                kept.lock().unwrap().push_str(&text);
            }
        });
        Self {
            server,
            address,
            log,
        }
    }

    /// A connection that does not wait for ever.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory it has used so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()));
        let status = status.unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.unwrap().trim().strip_suffix(" kB").unwrap();
        kibibytes.parse::<u64>().unwrap() << 10
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.server.try_wait().unwrap().is_none()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
