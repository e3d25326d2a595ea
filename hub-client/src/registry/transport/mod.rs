//! The only door to the network: requests with the token, limits and time-outs of one hub.

mod address;
mod answer;
mod client;
mod pause;
mod unsent;

pub(super) use address::is_loopback;
pub(super) use answer::{Answer, read_body};
pub(super) use client::{READ_TIMEOUT, build, builder};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Body, Client, Method, RequestBuilder, Url};

use super::error::RegistryError;
use super::traffic::{Counters, Traffic};
use crate::config::HubConfig;
use pause::Pause;

/// A piece of an upload on a slow line, or a hub that inspects gigabytes before it answers, takes
/// its time; past this it is given up.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How often a request is sent again, after a pause that the hub wanted or when it never left.
const AGAIN: u32 = 5;

/// A hub, and how to speak to it.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: Client,
    /// Without a read time-out, which would count while a body is still being sent.
    uploads: Client,
    /// Speaks to other hosts, where the system's roots count, when the hub's own certificate is pinned.
    elsewhere: Arc<OnceLock<Client>>,
    has_own_tls: bool,
    base: Url,
    token: Option<String>,
    traffic: Arc<Counters>,
    pause: Arc<Pause>,
}

/// Whether this is the address of a hub.
pub(super) fn check_address(url: &str) -> Result<(), RegistryError> {
    address::hub(url).map(drop)
}

impl Transport {
    pub(super) fn new(hub: &HubConfig) -> Result<Self, RegistryError> {
        let base = address::hub(&hub.url)?;
        let builder = builder(&base, hub.certificate, hub.client_certificate.as_ref())?;
        let client = build(builder().read_timeout(READ_TIMEOUT))?;
        let uploads = build(builder().timeout(UPLOAD_TIMEOUT))?;
        Ok(Self {
            client,
            uploads,
            elsewhere: Arc::default(),
            has_own_tls: hub.certificate.is_some() || hub.client_certificate.is_some(),
            base,
            token: hub.token.clone(),
            traffic: Arc::default(),
            pause: Arc::default(),
        })
    }

    /// What went over the network so far, through this and all its clones.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.so_far()
    }

    /// The hub's address, without a slash at the end.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer, RegistryError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.client.request(Method::GET, url), path).await
    }

    /// GET of a blob, or of its bytes `first..=last`. A hub may send its clients to an object store
    /// for them, once, with an address that is good for some time.
    pub(super) async fn get_blob(
        &self,
        path: &str,
        range: Option<(u64, u64)>,
    ) -> Result<Answer, RegistryError> {
        let ranged = |request: RequestBuilder| match range {
            Some((first, last)) => request.header(RANGE, format!("bytes={first}-{last}")),
            None => request,
        };
        let answer = self.ask(ranged(self.client.get(self.url(path)?))).await?;
        if answer.status() != 307 {
            return answer.checked(path).await;
        }
        let url = address::in_store(&self.base, answer.location().unwrap_or_default())?;
        let store = url.origin().ascii_serialization();
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Connection {
            url: store.clone(),
            source,
        };
        // Without the token, which is for the hub alone.
        let sent = self.send_as_is(ranged(self.store_client()?.get(url))).await;
        let answer = sent.map_err(|error| broken(error.without_url().into()))?;
        if answer.is_good() {
            return Ok(answer);
        }
        // The address may have been too old; the hub gives another one.
        let status = answer.status();
        Err(broken(format!("the object store answered {status}").into()))
    }

    /// HEAD; `None` when there is no such thing.
    pub(super) async fn head(&self, path: &str) -> Result<Option<Answer>, RegistryError> {
        let request = self.client.head(self.url(path)?);
        match self.send(request, path).await {
            Ok(answer) => Ok(Some(answer)),
            Err(RegistryError::Status { status: 404, .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, RegistryError> {
        let request = self
            .uploads
            .request(method, self.url(path)?)
            .header(CONTENT_TYPE, media_type)
            .body(body);
        self.send(request, path).await
    }

    /// POST, PATCH or PUT of an upload, at a path or at the absolute address a hub gave.
    pub(super) async fn upload(
        &self,
        method: Method,
        location: &str,
        body: Option<UploadBody>,
    ) -> Result<Answer, RegistryError> {
        let mut request = self.uploads.request(method, self.url(location)?);
        match body {
            Some(part) => {
                let last = part.first + part.size_bytes.saturating_sub(1);
                request = request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, part.size_bytes)
                    .header(CONTENT_RANGE, format!("{}-{last}", part.first))
                    .body(part.body);
            }
            None => request = request.header(CONTENT_LENGTH, 0),
        }
        self.send(request, location).await
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        address::on_hub(&self.base, path)
    }

    fn store_client(&self) -> Result<&Client, RegistryError> {
        if !self.has_own_tls {
            return Ok(&self.client);
        }
        if let Some(client) = self.elsewhere.get() {
            return Ok(client);
        }
        let client = build(builder(&self.base, None, None)?().read_timeout(READ_TIMEOUT))?;
        Ok(self.elsewhere.get_or_init(|| client))
    }

    async fn send(&self, request: RequestBuilder, path: &str) -> Result<Answer, RegistryError> {
        self.ask(request).await?.checked(path).await
    }

    /// The hub's answer, whatever it is.
    async fn ask(&self, mut request: RequestBuilder) -> Result<Answer, RegistryError> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut asked_again = 0;
        loop {
            self.pause.wait().await;
            // A body that is read while it is sent cannot be sent twice: its sender goes on from what arrived.
            let again = request.try_clone();
            let sent = self.send_as_is(request).await;
            let may_be_sent_again = match &sent {
                Ok(answer) => self.pause.obey(answer),
                Err(error) => unsent::is_unsent(error),
            };
            match again {
                Some(again) if may_be_sent_again && asked_again < AGAIN => {
                    asked_again += 1;
                    request = again;
                }
                _ => return sent.map_err(|error| self.connection(error)),
            }
        }
    }

    async fn send_as_is(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        self.traffic.sent();
        let waiting = self.traffic.wait();
        let sent = request.send().await;
        drop(waiting);
        Ok(Answer::new(sent?, self.base(), &self.traffic))
    }

    fn connection(&self, error: reqwest::Error) -> RegistryError {
        RegistryError::Connection {
            url: self.base().to_owned(),
            source: error.without_url().into(),
        }
    }
}

/// One piece of an upload.
pub(super) struct UploadBody {
    /// Offset of its first byte.
    pub(super) first: u64,
    /// Its length.
    pub(super) size_bytes: u64,
    /// Its bytes.
    pub(super) body: Body,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A hub that wants a pause of a second before it answers, so many times; how often it was asked.
    async fn pausing(times: usize, pause: &str) -> (Transport, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, pause) = (Arc::new(AtomicUsize::new(0)), pause.to_owned());
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let answer = match counted.fetch_add(1, Ordering::SeqCst) < times {
                    true => format!("429 Too Many Requests\r\nRetry-After: {pause}"),
                    false => "200 OK".to_owned(),
                };
                let answer =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let hub = HubConfig {
            url,
            token: None,
            certificate: None,
            client_certificate: None,
        };
        (Transport::new(&hub).unwrap(), asked)
    }

    #[tokio::test]
    async fn a_hub_that_wants_a_pause_gets_one() {
        let (transport, asked) = pausing(2, "1").await;
        let before = Instant::now();
        assert!(transport.get("/x", &[]).await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        assert!(before.elapsed() >= Duration::from_secs(2));
        // Of hours it is told, and of a hub that never stops too.
        for (times, pause, expected) in [(1, "7200", 1), (usize::MAX, "0", 1 + AGAIN as usize)] {
            let (transport, asked) = pausing(times, pause).await;
            let refused = transport.get("/x", &[]).await;
            assert!(matches!(
                refused,
                Err(RegistryError::Status { status: 429, .. })
            ));
            assert_eq!(asked.load(Ordering::SeqCst), expected);
        }
        // What is sent while it is read cannot be sent again; the next request waits.
        let (transport, asked) = pausing(1, "1").await;
        let before = Instant::now();
        let body = || UploadBody {
            first: 0,
            size_bytes: 1,
            body: Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")])),
        };
        let refused = transport.upload(Method::PATCH, "/x", Some(body())).await;
        assert!(matches!(
            refused,
            Err(RegistryError::Status { status: 429, .. })
        ));
        assert!(
            transport
                .upload(Method::PATCH, "/x", Some(body()))
                .await
                .is_ok()
        );
        assert!(before.elapsed() >= Duration::from_secs(1));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
