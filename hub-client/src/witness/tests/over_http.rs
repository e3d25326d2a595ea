//! Statuses, media types and bodies of the protocol.

use reqwest::{Client, Response, StatusCode};
use tokio::sync::oneshot;

use super::*;

async fn post(client: &Client, base: &str, body: Vec<u8>) -> Response {
    client
        .post(format!("{base}/add-checkpoint"))
        .body(body)
        .send()
        .await
        .unwrap()
}

fn media_type(answer: &Response) -> &str {
    answer.headers()["content-type"].to_str().unwrap()
}

#[tokio::test]
async fn every_answer_has_its_status() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let World {
        folder: _folder,
        witness,
        log,
    } = World::new();
    let key = witness.key();
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, listening) = oneshot::channel();
    let serving = http::serve(
        std::sync::Arc::new(witness),
        "127.0.0.1:0".parse().unwrap(),
        |address| ready.send(address).unwrap(),
        async { stopped.await.unwrap() },
    );
    let asking = async {
        let base = format!("http://{}", listening.await.unwrap());
        let client = Client::new();
        let latest = format!(
            "{base}/{}/checkpoint",
            Digest::of(b"hub.example/log").to_hex()
        );
        let get = || client.get(&latest).send();
        assert_eq!(get().await.unwrap().status(), StatusCode::NOT_FOUND);

        let answer = post(&client, &base, log.request(0, 5)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let line = answer.text().await.unwrap();
        let note = format!("{}{line}", log.note(5));
        Note::parse(note.as_bytes())
            .unwrap()
            .verify(&[&key])
            .unwrap();
        let kept = get().await.unwrap();
        assert_eq!(
            (kept.status(), media_type(&kept)),
            (StatusCode::OK, "text/plain; charset=utf-8")
        );
        assert_eq!(kept.text().await.unwrap(), note);

        let conflict = post(&client, &base, log.request(0, 9)).await;
        assert_eq!(conflict.status(), StatusCode::CONFLICT);
        assert_eq!(media_type(&conflict), "text/x.tlog.size");
        assert_eq!(conflict.text().await.unwrap(), "5\n");

        let stranger = TestLog::new("other.example/log", 1);
        let impostor = TestLog::new("hub.example/log", 9);
        for (body, status) in [
            (stranger.request(0, 3), 404),
            (impostor.request(5, 9), 403),
            (body(5, &[], &log.note(4)), 400),
            (b"nonsense".to_vec(), 400),
            (body(5, &[], &log.note(9)), 422),
            (TestLog::forked(3).request(5, 5), 422),
            (TestLog::forked(3).request(5, 9), 422),
        ] {
            let answer = post(&client, &base, body).await;
            assert_eq!(
                answer.status().as_u16(),
                status,
                "{}",
                answer.text().await.unwrap()
            );
        }
        let large = post(&client, &base, vec![b'x'; REQUEST_BYTES + 1]).await;
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let elsewhere = client
            .get(format!("{base}/other/checkpoint"))
            .send()
            .await
            .unwrap();
        assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);

        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(serving, asking);
    served.unwrap();
}
