//! The transparency log as others see it, and what becomes of one that was tampered with.

use std::collections::BTreeMap;

use registry_schema::api::{ProblemCode, Published, ReleaseDetail, YankRecorded, yanks_path};
use registry_schema::log::entry::parse_bundle;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::Note;
use registry_schema::log::policy::WitnessedCheckpoint;
use registry_schema::log::proof::{LogProof, TreeHead, TrustedTiles, verify_consistency};
use registry_schema::log::tile::{BundleId, Tile, TileId};
use registry_schema::statement::YankAction;
use reqwest::{Method, Response, StatusCode};

use crate::draft::{Draft, Signed};
use crate::world::{ALPHA, World, header, problem};

pub(crate) async fn body<T: serde::de::DeserializeOwned>(answer: Response) -> T {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

pub(crate) async fn published(world: &World, signed: &Signed) -> Published {
    let answer = world.publish(signed).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    body(answer).await
}

/// The proof shows that the envelope is entry `index`.
pub(crate) fn check(
    world: &World,
    proof: &str,
    envelope: &[u8],
    index: u64,
) -> WitnessedCheckpoint {
    let proof = LogProof::parse(proof.as_bytes()).unwrap();
    assert_eq!(proof.index, index);
    let leaf = leaf_hash(envelope);
    world.log_policy().check_proof(&proof, &leaf).unwrap()
}

pub(crate) async fn checkpoint(world: &World) -> WitnessedCheckpoint {
    let answer = world.get("/log/checkpoint").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&answer, "cache-control"), "private, max-age=2");
    let note = Note::parse(&answer.bytes().await.unwrap()).unwrap();
    world.log_policy().check(&note).unwrap()
}

/// All tiles of a log, as they are served.
async fn tiles(world: &World, size: u64) -> BTreeMap<TileId, Tile> {
    let mut tiles = BTreeMap::new();
    for level in 0..8 {
        for number in 0.. {
            let Some(id) = TileId::of_tree(level, number, size) else {
                break;
            };
            let answer = world.get(&format!("/log/{id}")).await;
            assert_eq!(answer.status(), StatusCode::OK, "{id}");
            assert_eq!(header(&answer, "content-type"), "application/octet-stream");
            assert_eq!(
                header(&answer, "cache-control"),
                "private, max-age=31536000, immutable"
            );
            let tile = Tile::parse(id, &answer.bytes().await.unwrap()).unwrap();
            tiles.insert(id, tile);
        }
    }
    tiles
}

pub(crate) fn release(name: &str) -> Signed {
    Draft::new(name, "1.0.0").sign(&[ALPHA])
}

#[tokio::test]
async fn every_statement_comes_back_with_its_proof() {
    let world = World::start();
    let (first, second) = (release("alpha/first"), release("alpha/second"));
    let one = published(&world, &first).await;
    let two = published(&world, &second).await;
    check(&world, &one.proof, &first.envelope, 0);
    let newer = check(&world, &two.proof, &second.envelope, 1);
    assert_eq!(newer.checkpoint().size, 2);

    let yanking = first.yank(YankAction::Yank, 1, &[ALPHA]);
    let recorded: YankRecorded = body(world.yank(&first, YankAction::Yank, 1).await).await;
    check(&world, &recorded.proof, &yanking, 2);
    let again: YankRecorded = body(world.yank(&first, YankAction::Yank, 1).await).await;
    assert_eq!(again, recorded, "nothing was logged twice");
    let again: Published = body(world.put(&second).await).await;
    assert_eq!((again.log_index, again.published_at), (1, two.published_at));
    assert_eq!(
        check(&world, &again.proof, &second.envelope, 1)
            .checkpoint()
            .size,
        3
    );

    let detail: ReleaseDetail = world
        .json("/api/v1/extractors/alpha/first/releases/1.0.0")
        .await;
    check(&world, &detail.proof, detail.envelope.as_bytes(), 0);
    assert_eq!(detail.log_index, 0);
    check(
        &world,
        &detail.yank_proofs[0],
        detail.yanks[0].as_bytes(),
        2,
    );
    assert_eq!((detail.yanks.len(), detail.yank_proofs.len()), (1, 1));
    let (is_good, said) = world.verify_log();
    assert!(is_good && said.contains("entries 3"), "{said}");
}

#[tokio::test]
async fn the_log_is_served_as_files() {
    let world = World::start();
    let empty = checkpoint(&world).await;
    assert_eq!(empty.checkpoint().size, 0);
    let releases = ["a", "b", "c"].map(|name| release(&format!("alpha/{name}-extractor")));
    for one in &releases {
        published(&world, one).await;
    }
    let head = checkpoint(&world).await.checkpoint().clone();
    assert_eq!(head.size, 3);
    let tiles = tiles(&world, head.size).await;
    let mut trusted = TrustedTiles::new(
        TreeHead {
            size: 3,
            root: head.root,
        },
        |id: TileId| tiles.get(&id).cloned().ok_or(()),
    )
    .unwrap();
    for (index, one) in (0..).zip(&releases) {
        assert_eq!(trusted.leaf_hash(index).unwrap(), leaf_hash(&one.envelope));
    }
    // The tiles of a smaller tree are still there.
    for width in 1..=3 {
        let id = BundleId::new(0, width).unwrap();
        let answer = world.get(&format!("/log/{id}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = answer.bytes().await.unwrap();
        let entries = parse_bundle(id, &bytes).unwrap();
        assert_eq!(
            entries.last().unwrap(),
            &releases[usize::from(width) - 1].envelope
        );
        let tile = world.get(&format!("/log/tile/0/000.p/{width}")).await;
        assert_eq!(tile.bytes().await.unwrap().len(), usize::from(width) * 32);
    }
    for missing in [
        "tile/0/000",
        "tile/0/000.p/4",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/000.p/4",
        "tile/7/x018/x446/x744/x073/x709/x551/615",
        "tile/entries/x018/x446/x744/x073/x709/x551/615",
    ] {
        problem(
            world.get(&format!("/log/{missing}")).await,
            ProblemCode::NotFound,
        )
        .await;
    }
    for malformed in [
        "tile/0/0",
        "tile/0/000.p/0",
        "tile/x/000",
        "tile/0/000.p/256",
        "tile/",
        "tile/64/000",
    ] {
        problem(
            world.get(&format!("/log/{malformed}")).await,
            ProblemCode::MalformedRequest,
        )
        .await;
    }
    problem(world.get("/log/other").await, ProblemCode::NotFound).await;
}

#[tokio::test]
async fn bundles_are_compressed_for_those_who_ask() {
    let world = World::start();
    published(&world, &release("alpha/first")).await;
    let get = |coding: &str| {
        world
            .request(Method::GET, "/log/tile/entries/000.p/1")
            .header("accept-encoding", coding.to_owned())
            .send()
    };
    let plain = get("identity").await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    for refusing in ["gzip;q=0", "br", "", "gzip;q=0.000"] {
        let answer = get(refusing).await.unwrap();
        assert!(
            !answer.headers().contains_key("content-encoding"),
            "{refusing}"
        );
    }
    for coding in ["gzip", "br, GZIP;q=0.5", "identity, gzip"] {
        let answer = get(coding).await.unwrap();
        assert_eq!(header(&answer, "content-encoding"), "gzip");
        assert_eq!(header(&answer, "vary"), "accept-encoding");
        let mut unpacked = Vec::new();
        let bytes = answer.bytes().await.unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut unpacked)
            .unwrap();
        assert_eq!(unpacked, plain);
    }
    let tile = world
        .request(Method::GET, "/log/tile/0/000.p/1")
        .header("accept-encoding", "gzip");
    assert!(
        !tile
            .send()
            .await
            .unwrap()
            .headers()
            .contains_key("content-encoding")
    );
}

#[tokio::test]
async fn whoever_may_read_releases_may_read_the_log() {
    let private = World::start();
    let public = World::start_with(&["--public"]);
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/tile/entries/000.p/1",
    ] {
        let anonymous = |world: &World| world.client.get(format!("{}{path}", world.base)).send();
        problem(
            anonymous(&private).await.unwrap(),
            ProblemCode::Unauthenticated,
        )
        .await;
        let status = anonymous(&public).await.unwrap().status();
        assert_ne!(status, StatusCode::UNAUTHORIZED);
    }
    let answer = public
        .client
        .get(format!("{}/log/checkpoint", public.base))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "cache-control"), "public, max-age=2");
}

#[tokio::test]
async fn many_at_once_share_checkpoints_and_spoil_none() {
    let world = World::start();
    let mut wishes: Vec<_> = (0..12)
        .map(|n| release(&format!("alpha/extractor-{n}")))
        .collect();
    // Three more that lose against a sibling of the same name and version.
    for n in 0..3 {
        let other = Draft::new(&format!("alpha/extractor-{n}"), "1.0.0").file("README.md", "other");
        wishes.push(other.sign(&[ALPHA]));
    }
    for wish in &wishes {
        world.upload_all(wish).await;
    }
    let answers = futures_util::future::join_all(wishes.iter().map(|wish| world.put(wish))).await;
    let mut indexes = Vec::new();
    let mut proofs = Vec::new();
    for (answer, wish) in answers.into_iter().zip(&wishes) {
        if answer.status() == StatusCode::CREATED {
            let published: Published = body(answer).await;
            let at = check(
                &world,
                &published.proof,
                &wish.envelope,
                published.log_index,
            );
            indexes.push(published.log_index);
            proofs.push(at);
        } else {
            problem(answer, ProblemCode::VersionExists).await;
        }
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..12).collect::<Vec<_>>());
    // Every checkpoint anybody was shown is a beginning of the last one.
    let head = checkpoint(&world).await.checkpoint().clone();
    let tiles = tiles(&world, head.size).await;
    let newest = TreeHead {
        size: head.size,
        root: head.root,
    };
    let mut trusted =
        TrustedTiles::new(newest, |id: TileId| tiles.get(&id).cloned().ok_or(())).unwrap();
    for shown in proofs {
        let older = TreeHead {
            size: shown.checkpoint().size,
            root: shown.checkpoint().root,
        };
        let proof = trusted.consistency(older.size).unwrap();
        verify_consistency(older, newest, &proof).unwrap();
    }
    let (is_good, said) = world.verify_log();
    assert!(is_good && said.contains("entries 12"), "{said}");
}

#[tokio::test]
async fn a_log_grows_past_its_first_tile() {
    const RELEASES: u64 = 8;
    const YANKS: u64 = 34;
    let world = World::start();
    let mut first = None;
    let mut releases = Vec::new();
    for number in 0..RELEASES {
        let one = release(&format!("alpha/extractor-{number}"));
        let answer = published(&world, &one).await;
        first.get_or_insert((answer.log_index, one.envelope.clone()));
        releases.push(one);
    }
    let sent = releases.iter().map(async |one| {
        for sequence in 1..=YANKS {
            let action = match sequence % 2 {
                1 => YankAction::Yank,
                _ => YankAction::Unyank,
            };
            let statement = one.yank(action, sequence, &[ALPHA]);
            let path = yanks_path(&one.name, &one.version);
            let answer = world.post_as(&world.token, &path, statement.clone()).await;
            let recorded: YankRecorded = body(answer).await;
            check(&world, &recorded.proof, &statement, recorded.log_index);
        }
    });
    futures_util::future::join_all(sent).await;
    let size = RELEASES * (1 + YANKS);
    assert!(size > 256);
    let head = checkpoint(&world).await.checkpoint().clone();
    assert_eq!(head.size, size);
    let tiles = tiles(&world, size).await;
    let widths: Vec<_> = tiles
        .keys()
        .map(|id| (id.level(), id.number(), id.width()))
        .collect();
    assert_eq!(widths, [(0, 0, 256), (0, 1, 24), (1, 0, 1)]);
    let newest = TreeHead {
        size,
        root: head.root,
    };
    let read = |id: TileId| tiles.get(&id).cloned().ok_or(());
    let mut trusted = TrustedTiles::new(newest, read).unwrap();
    for number in 0..=1 {
        let id = BundleId::of_tree(number, size).unwrap();
        let bytes = world
            .get(&format!("/log/{id}"))
            .await
            .bytes()
            .await
            .unwrap();
        for (index, entry) in (256 * number..).zip(parse_bundle(id, &bytes).unwrap()) {
            assert_eq!(trusted.leaf_hash(index).unwrap(), leaf_hash(entry));
        }
    }
    // A partial tile of before is still there, and an old entry is proved by full tiles.
    let partial = world.get("/log/tile/0/000.p/255").await;
    assert_eq!(partial.bytes().await.unwrap().len(), 255 * 32);
    let (index, envelope) = first.unwrap();
    let detail: ReleaseDetail = world
        .json("/api/v1/extractors/alpha/extractor-0/releases/1.0.0")
        .await;
    assert_eq!(
        check(&world, &detail.proof, &envelope, index)
            .checkpoint()
            .size,
        size
    );
    assert_eq!(detail.yank_proofs.len() as u64, YANKS);
    assert!(world.verify_log().0);
}
