//! What blobs have in common: who is told, and what.

use registry_schema::api::{Delta, ProblemCode, delta_path};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::StatusCode;

use crate::world::{World, header, problem};

/// Bytes without any order, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[..4].to_vec()
    });
    words.flatten().take(length).collect()
}

async fn put(world: &World, name: &Name, bytes: &[u8]) -> Digest {
    assert_eq!(
        world.upload(name, bytes).await.status(),
        StatusCode::CREATED
    );
    Digest::of(bytes)
}

#[tokio::test]
async fn a_delta_is_told_to_readers_of_the_name() {
    let world = World::start();
    let (name, other) = (
        "alpha/squares".parse().unwrap(),
        "alpha/circles".parse().unwrap(),
    );
    let earlier = noise(1, 3_000_000);
    let later = [&earlier[..2_500_000], &noise(2, 700_000)].concat();
    let (before, after) = (
        put(&world, &name, &earlier).await,
        put(&world, &name, &later).await,
    );
    let path = format!("{}?from={before}", delta_path(&name, &after));
    let answer = loop {
        let answer = world.get(&path).await;
        // On a machine that has much else to do it says so.
        if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
            break answer;
        }
        assert!(answer.headers().contains_key("retry-after"));
    };
    assert_eq!(
        header(&answer, "cache-control"),
        "private, max-age=31536000, immutable"
    );
    let delta: Delta = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    delta
        .check(later.len() as u64, earlier.len() as u64)
        .unwrap();
    assert!(
        (2_200_000..=2_500_000).contains(&delta.reused_bytes()),
        "{delta:?}"
    );
    let index = |number: u64| usize::try_from(number).unwrap();
    let mut made = Vec::new();
    for part in &delta.parts {
        let (from, start) = match part.at {
            Some(at) => (&earlier, index(at)),
            None => (&later, made.len()),
        };
        made.extend_from_slice(&from[start..start + index(part.size_bytes)]);
    }
    assert_eq!(made, later);

    // Not to who has no token, of what is not there, is another name's, or is no digest.
    let anonymous = world.client.get(format!("{}{path}", world.base)).send();
    problem(anonymous.await.unwrap(), ProblemCode::Unauthenticated).await;
    let gone = Digest::of(b"gone");
    for (name, after, before) in [
        (&name, gone, before),
        (&name, after, gone),
        (&other, after, before),
    ] {
        let path = format!("{}?from={before}", delta_path(name, &after));
        problem(world.get(&path).await, ProblemCode::NotFound).await;
    }
    let delta = delta_path(&name, &after);
    for odd in [
        delta.clone(),
        format!("{delta}?from=x"),
        format!("{path}&more=1"),
        delta.replace("sha256", "md5"),
    ] {
        problem(world.get(&odd).await, ProblemCode::MalformedRequest).await;
    }
}
