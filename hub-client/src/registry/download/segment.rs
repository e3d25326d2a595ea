//! One range of a blob, however often its connection breaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::super::{Registry, RegistryError};

/// Attempts at one range before the download gives up; what has arrived stays.
const ATTEMPTS: u32 = 5;

impl Registry {
    /// One range, chunk by chunk; after a broken connection the rest of it is asked for again. At
    /// most a segment waits in the channel.
    pub(super) async fn segment(
        self,
        path: Arc<str>,
        first: u64,
        last: u64,
        chunks: mpsc::UnboundedSender<Result<Bytes, RegistryError>>,
    ) {
        let mut next = first;
        let mut attempt = 0;
        while next <= last {
            let before = next;
            let Err(error) = self.segment_once(&path, &mut next, last, &chunks).await else {
                return;
            };
            attempt = if next > before { 1 } else { attempt + 1 };
            if !error.is_passing() || attempt >= ATTEMPTS {
                // Nobody listens when the download has ended otherwise.
                let _ = chunks.send(Err(error));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
    }

    /// Sends the bytes `next..=last` on, and moves `next` past what has been sent.
    async fn segment_once(
        &self,
        path: &str,
        next: &mut u64,
        last: u64,
        chunks: &mpsc::UnboundedSender<Result<Bytes, RegistryError>>,
    ) -> Result<(), RegistryError> {
        let answer = self.transport.get_blob(path, Some((*next, last))).await?;
        // A mirror without ranges sends the whole: pass over what was not asked for.
        let mut skip = match answer.status() {
            206 => 0,
            200 => *next,
            status => {
                return Err(RegistryError::Status {
                    status,
                    what: path.to_owned(),
                });
            }
        };
        let mut body = std::pin::pin!(answer.stream());
        while *next <= last {
            let Some(chunk) = body.next().await else {
                let source = format!("the answer ended before byte {last}, at byte {next}").into();
                return Err(RegistryError::Connection {
                    url: self.url().to_owned(),
                    source,
                });
            };
            let chunk = cut(chunk?, &mut skip, last - *next + 1);
            if chunk.is_empty() {
                continue;
            }
            *next += chunk.len() as u64;
            if chunks.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The part of a chunk after `skip` bytes, at most `wanted` long.
pub(in crate::registry) fn cut(mut chunk: Bytes, skip: &mut u64, wanted: u64) -> Bytes {
    let length = chunk.len() as u64;
    let skipped = length.min(*skip);
    *skip -= skipped;
    let end = skipped + wanted.min(length - skipped);
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    chunk.truncate(index(end));
    chunk.split_off(index(skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_cut_to_the_range() {
        let (mut skip, mut wanted) = (2, 5);
        let mut kept = Vec::new();
        for chunk in ["abc", "defg", "hij"] {
            let part = cut(Bytes::from_static(chunk.as_bytes()), &mut skip, wanted);
            wanted -= part.len() as u64;
            kept.extend_from_slice(&part);
        }
        assert_eq!(kept, b"cdefg");
    }
}
