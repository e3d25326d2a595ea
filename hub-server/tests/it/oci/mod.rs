//! The OCI distribution protocol: releases as artifacts, what members keep beside them, and the
//! clients that other people wrote.

mod clients;
mod foreign;
mod releases;
mod workflows;

use registry_schema::digest::Digest;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::world::{World, header};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Where members may push in these tests.
const NAMESPACE: &str = "conformance";

fn open_world() -> World {
    World::start_with(&["--oci-repositories", NAMESPACE])
}

fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

fn sha512(bytes: &[u8]) -> String {
    let hex: String = sha2::Sha512::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha512:{hex}")
}

async fn value(answer: Response) -> Value {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn descriptor(media_type: &str, digest: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
}

async fn upload(world: &World, repository: &str, digest: &str, bytes: &[u8]) -> Response {
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let request = world.request(Method::POST, &path).body(bytes.to_vec());
    request.send().await.unwrap()
}

async fn begin(world: &World, repository: &str) -> String {
    let path = format!("/v2/{repository}/blobs/uploads/");
    let request = world.request(Method::POST, &path).header(CONTENT_LENGTH, 0);
    let begun = request.send().await.unwrap();
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    header(&begun, "location").to_owned()
}

async fn push(world: &World, path: &str, manifest: &[u8]) -> Response {
    let parsed: Value = serde_json::from_slice(manifest).unwrap();
    let media_type = parsed["mediaType"].as_str().unwrap_or(MANIFEST).to_owned();
    world
        .request(Method::PUT, path)
        .header(CONTENT_TYPE, media_type)
        .body(manifest.to_vec())
        .send()
        .await
        .unwrap()
}

async fn delete(world: &World, path: &str) -> Response {
    world.request(Method::DELETE, path).send().await.unwrap()
}
