//! From the last entry read to the newest: read, judged on every core, remembered in order.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry_schema::log::proof::{TreeHead, verify_consistency};
use registry_schema::log::tree::Tree;
use registry_schema::trust_root::ConsortiumRoot;

use super::super::AuditError;
use super::WatchRequest;
use super::judge::{Judged, Reader, judge};
use super::memory::Memory;
use crate::log_view::{EntryReader, LogEntry, LogView, LogViewError};

/// Bytes of entries that are judged together.
const CHUNK_BYTES: usize = 8 << 20;

/// How often what was read is kept, when there is much to read.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// Reads every entry from the memory's end to the newest checkpoint of the log; how many bytes that
/// were. What there is to tell is in the memory.
pub(super) async fn walk(
    request: &WatchRequest<'_>,
    memory: &mut Memory,
    path: &Path,
) -> Result<u64, AuditError> {
    let end = request.log.checkpoint().checkpoint().size;
    let mut tree = memory.tree()?;
    let mut entries = request.log.entries(tree.size()..end);
    let reader = Reader {
        trust_root: &request.trust_root,
        own: &request.own,
        expected: &request.expected,
    };
    request.progress.expects(end - tree.size());
    let mut read_bytes = 0;
    let mut kept = Instant::now();
    let mut chunk = next_chunk(&mut entries).await?;
    while !chunk.is_empty() {
        read_bytes += chunk.iter().map(|one| one.bytes.len() as u64).sum::<u64>();
        // The next ones are read while these are judged.
        let root = Arc::clone(&request.trust_root);
        let judging = tokio::task::spawn_blocking(move || judge_all(&chunk, &root));
        let (judged, next) = tokio::join!(judging, next_chunk(&mut entries));
        let judged = judged.map_err(|_| AuditError::Stopped)?;
        let leaves: Vec<_> = judged.iter().map(|one| one.leaf).collect();
        tree.append(&leaves)?;
        for one in judged {
            reader.take(one, memory);
        }
        chunk = next?;
        let is_stopped = request.progress.moved(leaves.len() as u64).is_err();
        if chunk.is_empty() || is_stopped || kept.elapsed() > KEEP_EVERY {
            keep(&tree, request.log, memory, path).await?;
            kept = Instant::now();
        }
        if is_stopped && !chunk.is_empty() {
            return Err(AuditError::Stopped);
        }
    }
    if read_bytes == 0 {
        // Nothing new, but what was acknowledged and the trust root are to be remembered.
        memory.write(path)?;
    }
    Ok(read_bytes)
}

/// Keeps what was read, after the tree over it has been shown to be the beginning of the log.
async fn keep(
    tree: &Tree,
    log: &LogView,
    memory: &mut Memory,
    path: &Path,
) -> Result<(), AuditError> {
    let newest = log.checkpoint().checkpoint();
    let newest = TreeHead {
        size: newest.size,
        root: newest.root,
    };
    let proof = if tree.size() == newest.size {
        Vec::new()
    } else {
        log.consistency(tree.size()).await?
    };
    let read = TreeHead {
        size: tree.size(),
        root: tree.root(),
    };
    let refuse = |_| LogViewError::Entry {
        index: tree.size().saturating_sub(1),
    };
    verify_consistency(read, newest, &proof).map_err(refuse)?;
    memory.advance(tree);
    memory.write(path)
}

/// Bundles until there is enough to judge; none at the end.
async fn next_chunk(entries: &mut EntryReader) -> Result<Vec<LogEntry>, AuditError> {
    let (mut chunk, mut size_bytes) = (Vec::new(), 0);
    while size_bytes < CHUNK_BYTES {
        let Some(bundle) = entries.next_entries().await? else {
            break;
        };
        size_bytes += bundle.iter().map(|one| one.bytes.len()).sum::<usize>();
        chunk.extend(bundle);
    }
    Ok(chunk)
}

/// Judges entries on every core, in their order.
fn judge_all(entries: &[LogEntry], trust_root: &ConsortiumRoot) -> Vec<Judged> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let share = entries.len().div_ceil(cores).max(1);
    let judge_share = |share: &[LogEntry]| -> Vec<Judged> {
        share.iter().map(|entry| judge(entry, trust_root)).collect()
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = entries
            .chunks(share)
            .map(|share| (share, scope.spawn(move || judge_share(share))))
            .collect();
        let join = |(share, thread): (&[LogEntry], std::thread::ScopedJoinHandle<'_, _>)| {
            // A panic there would come again here, and say where.
            thread.join().unwrap_or_else(|_| judge_share(share))
        };
        shares.into_iter().flat_map(join).collect()
    })
}
