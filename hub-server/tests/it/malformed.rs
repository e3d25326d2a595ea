//! Ten thousand requests that are none: no fault of the server's, and it still answers.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};

use registry_schema::api::{release_path, upload_path};
use registry_schema::reference::Requirement;

use crate::draft::Draft;
use crate::plain::Plain;
use crate::world::{ALPHA, World};

const REQUESTS: usize = 10_000;

/// At once, as a small machine can.
const SENDERS: usize = 8;

/// The same numbers every time (Marsaglia's xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Good requests to begin with.
fn seeds(token: &str) -> Vec<Vec<u8>> {
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    let release = release_path(&signed.name, &Requirement::Exact(signed.version.clone()));
    let upload = upload_path(&signed.name);
    let head = |method: &str, path: &str, headers: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        )
    };
    let envelope = String::from_utf8(signed.envelope).unwrap();
    let publish = format!(
        "Content-Type: application/vnd.dsse.envelope.v1+json\r\nContent-Length: {}\r\n",
        envelope.len()
    );
    let requests = [
        head("GET", "/api/v1/extractors?q=squares&limit=10", ""),
        head(
            "GET",
            "/api/v1/extractors/alpha/squares/releases/1",
            "If-None-Match: \"x\"\r\n",
        ),
        head(
            "GET",
            "/alpha/squares/resolve/main/README.md",
            "Range: bytes=0-10\r\n",
        ),
        head("GET", "/log/tile/0/000.p/1", ""),
        head(
            "GET",
            "/?q=a&sort=b&domain=c",
            "Accept: text/html\r\nCookie: __Host-hub=x\r\n",
        ),
        head("POST", &upload, "Content-Length: 0\r\n"),
        head("POST", &upload, "Transfer-Encoding: chunked\r\n") + "4\r\nblob\r\n0\r\n\r\n",
        head("PUT", &release, &publish) + &envelope,
        head(
            "POST",
            "/login",
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n",
        ) + "token=hub",
        head(
            "POST",
            "/api/models/alpha/squares/paths-info/main",
            "Content-Type: application/json\r\nContent-Length: 22\r\n",
        ) + "{\"paths\":[\"README.md\"]}",
    ];
    requests.map(String::into_bytes).into()
}

/// Spoils a request in one to four places.
fn spoil(request: &mut Vec<u8>, numbers: &mut Numbers) {
    const PIECES: [&[u8]; 24] = [
        b"\0",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b" ",
        b"%00",
        b"%",
        b"%ff%fe",
        b"..",
        b"//",
        b"{",
        b"\xff\xfe",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
        b"Range: bytes=9-1,0-0\r\n",
        b"Authorization: Basic !!\r\n",
        b"Host: \r\nHost: x\r\n",
        b"HTTP/9.9",
        b"999999999999999999999999",
    ];
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(request.len());
        match numbers.below(8) {
            0 => request.truncate(at.max(1)),
            1 => request[at] ^= 1 << numbers.below(8),
            2 => drop(request.remove(at)),
            3 => {
                let length = 1 + numbers.below(20_000);
                let filler = vec![b'a'; length];
                request.splice(at..at, filler);
            }
            4 => {
                let end = (at + numbers.below(40)).min(request.len());
                let again = request[at..end].to_vec();
                request.splice(at..at, again);
            }
            5 => request[at] = u8::try_from(numbers.below(256)).unwrap(),
            _ => {
                let piece = numbers.one_of(&PIECES).to_vec();
                request.splice(at..at, piece);
            }
        }
        if request.is_empty() {
            request.push(b'\n');
        }
    }
}

/// The statuses in what a connection sent back.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let lines = text.match_indices("HTTP/1.1 ");
    lines
        .filter_map(|(at, start)| text[at + start.len()..].get(..3)?.parse().ok())
        .collect()
}

#[tokio::test]
async fn ten_thousand_malformed_requests_are_no_fault() {
    let mut world = World::start();
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    world.kill();
    let mut plain = Plain::start(&world, &[]);
    let seeds = seeds(&world.token);
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (plain, seeds, answered, refused) = (&plain, &seeds, &answered, &refused);
            scope.spawn(move || {
                let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ (sender as u64 + 1));
                for _ in 0..REQUESTS / SENDERS {
                    let mut request = seeds[numbers.below(seeds.len())].clone();
                    spoil(&mut request, &mut numbers);
                    let mut stream = plain.connect();
                    // The server may have had enough before all is sent.
                    let _ = stream.write_all(&request);
                    let _ = stream.shutdown(Shutdown::Write);
                    let mut answer = Vec::new();
                    match stream.read_to_end(&mut answer) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            panic!("no end: {}", String::from_utf8_lossy(&request));
                        }
                        _ => {}
                    }
                    for status in statuses(&answer) {
                        answered.fetch_add(1, Ordering::Relaxed);
                        refused.fetch_add(usize::from(status >= 400), Ordering::Relaxed);
                        assert!(
                            status < 500,
                            "{status}: {}",
                            String::from_utf8_lossy(&request)
                        );
                    }
                }
            });
        }
    });
    let (answered, refused) = (answered.into_inner(), refused.into_inner());
    assert!(
        answered > REQUESTS / 2 && refused > REQUESTS / 4,
        "{answered}, {refused}"
    );
    assert!(plain.is_alive());
    let log = plain.log();
    assert!(!log.contains("panicked"), "{log}");
    let mut stream = plain.connect();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("ready\n"),
        "{answer}"
    );
}
