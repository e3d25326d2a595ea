//! A hub's log as files, fetched over plain HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::Note;
use registry_schema::log::tile::{BundleId, TileId};

/// Copies checkpoint, tiles and bundles of a hub that is open for reading into a folder.
pub(crate) fn copy(url: &str, folder: &Path) -> Checkpoint {
    let note = get(url, "checkpoint").unwrap();
    let checkpoint = Checkpoint::of_note(&Note::parse(&note).unwrap()).unwrap();
    put(folder, "checkpoint", &note);
    for level in 0..8 {
        for number in 0.. {
            let Some(id) = TileId::of_tree(level, number, checkpoint.size) else {
                break;
            };
            put(folder, &id.to_string(), &get(url, &id.to_string()).unwrap());
        }
    }
    for number in 0.. {
        let Some(id) = BundleId::of_tree(number, checkpoint.size) else {
            break;
        };
        put(folder, &id.to_string(), &get(url, &id.to_string()).unwrap());
    }
    checkpoint
}

fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn get(url: &str, path: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let request = format!("GET /log/{path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    answer
        .starts_with(b"HTTP/1.0 200")
        .then(|| answer.split_off(end))
}
