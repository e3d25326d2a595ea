//! Many connections at once, most of them idle, some very slow: none fails, and memory has a bound.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Barrier;
use std::time::Duration;

use registry_schema::api::{blob_path, upload_path};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::missing;
use crate::plain::Plain;
use crate::world::World;

const IDLE: usize = 500;
const READERS: usize = 100;
const WRITERS: usize = 100;

/// A file that each reader takes, and one of each writer's own.
const READ_BYTES: usize = 8 << 20;
const WRITTEN_BYTES: usize = 256 << 10;

/// What the server may use with all of them at work. It is said in docs/OPERATIONS.md, too.
const MEMORY_BYTES: u64 = 256 << 20;

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Reads the head of an answer that has this status.
fn answered(stream: &mut TcpStream, status: u16) {
    let head = head(stream);
    if head.starts_with(&format!("HTTP/1.1 {status}")) {
        return;
    }
    // What it says instead is worth knowing.
    let mut said = vec![0; 2048];
    let read = stream.read(&mut said).unwrap_or_default();
    panic!("{head}{}", String::from_utf8_lossy(&said[..read]));
}

fn ask(stream: &mut TcpStream, token: &str, line: &str, headers: &str) {
    let request =
        format!("{line} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
}

fn is_live(stream: &mut TcpStream, token: &str) {
    ask(stream, token, "GET /healthz", "");
    answered(stream, 200);
    let mut body = [0; 5];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"live\n");
}

/// A connection that has asked once, and stays: those that never ask are ended after ten seconds.
fn connect(plain: &Plain, token: &str) -> TcpStream {
    let mut stream = plain.connect();
    is_live(&mut stream, token);
    stream
}

/// Takes a file in pieces with silences between.
fn read_slowly(stream: &mut TcpStream, token: &str, path: &str) -> Digest {
    ask(stream, token, &format!("GET {path}"), "");
    answered(stream, 200);
    let mut body = vec![0; READ_BYTES];
    let (first, rest) = body.split_at_mut(READ_BYTES / 2);
    for piece in first.chunks_mut(READ_BYTES / 16) {
        stream.read_exact(piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    stream.read_exact(rest).unwrap();
    Digest::of(&body)
}

/// Sends a file in pieces with silences between.
fn write_slowly(stream: &mut TcpStream, token: &str, name: &Name, bytes: &[u8]) {
    let digest = Digest::of(bytes);
    let line = format!("POST {}?digest={digest}", upload_path(name));
    ask(
        stream,
        token,
        &line,
        &format!("Content-Length: {}\r\n", bytes.len()),
    );
    for piece in bytes.chunks(bytes.len() / 8) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    answered(stream, 201);
}

#[tokio::test]
async fn five_hundred_idle_and_two_hundred_slow_connections() {
    let mut world = World::start();
    let name: Name = "alpha/squares".parse().unwrap();
    let bytes: Vec<u8> = (0..=250).cycle().take(READ_BYTES).collect();
    assert!(world.upload(&name, &bytes).await.status().is_success());
    world.kill();
    let mut plain = Plain::start(&world, &[]);
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| connect(&plain, &world.token)).collect();
    let path = blob_path(&name, &Digest::of(&bytes));
    let together = Barrier::new(READERS + WRITERS);
    std::thread::scope(|scope| {
        let (plain, token, path, name, bytes) = (&plain, &world.token, &path, &name, &bytes);
        let together = &together;
        for _ in 0..READERS {
            scope.spawn(move || {
                let mut stream = connect(plain, token);
                together.wait();
                assert_eq!(read_slowly(&mut stream, token, path), Digest::of(bytes));
            });
        }
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut stream = connect(plain, token);
                together.wait();
                let own = vec![u8::try_from(writer).unwrap(); WRITTEN_BYTES];
                write_slowly(&mut stream, token, name, &own);
            });
        }
    });
    for stream in &mut idle {
        is_live(stream, &world.token);
    }
    assert!(plain.is_alive());
    let peak = plain.peak_bytes();
    eprintln!("peak memory: {} MiB", peak >> 20);
    assert!(peak < MEMORY_BYTES, "{} MiB", peak >> 20);
}

/// The connections that a server has taken, or why they cannot be looked at.
fn taken_by(server: &Child) -> Result<Vec<TcpStream>, Errno> {
    let process = pidfd_open(Pid::from_child(server), PidfdFlags::empty())?;
    let mut taken = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap() {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap();
        let is_socket = |to: PathBuf| to.to_string_lossy().starts_with("socket:");
        if !std::fs::read_link(&path).is_ok_and(is_socket) {
            continue;
        }
        let copy = pidfd_getfd(&process, number.parse().unwrap(), PidfdGetfdFlags::empty())?;
        let stream = TcpStream::from(copy);
        if stream.peer_addr().is_ok() {
            taken.push(stream);
        }
    }
    Ok(taken)
}

/// The second piece of an answer is not to wait for the client's word that the first has come, which
/// most send after forty milliseconds.
#[tokio::test]
async fn no_piece_of_an_answer_waits_for_an_acknowledgement() {
    let mut world = World::start();
    let answer = world.get("/v2/").await;
    assert!(answer.status().is_success());
    match taken_by(world.server_mut()) {
        Ok(taken) => {
            assert!(!taken.is_empty());
            assert!(taken.iter().all(|stream| stream.nodelay().unwrap()));
        }
        Err(Errno::PERM | Errno::NOSYS) => {
            missing::skipped("the sockets of another process cannot be looked at here");
        }
        Err(error) => panic!("{error}"),
    }
}
