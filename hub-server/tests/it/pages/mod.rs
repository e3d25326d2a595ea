//! The catalogue's pages: what is on them, who sees them, what they can do.

mod in_a_browser;
mod login;
mod visitor;

use registry_schema::api::{HubInfo, ProblemCode, advisories_path};
use registry_schema::digest::Digest;
use registry_schema::log::hash::leaf_hash;
use registry_schema::manifest::{Contribution, Contributor, Dataset, Derivation};
use registry_schema::reference::Reference;
use registry_schema::statement::{AdvisoryAction, AdvisoryStatement, EvaluationStatement};
use reqwest::header::{AUTHORIZATION, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use visitor::{assert_has, checked, evaluations_of, page, said, visit};

use crate::draft::{Draft, GRAY, graph};
use crate::log_keeping::tamper;
use crate::members_say::{advisory, evaluation, signed};
use crate::world::{ALPHA, BETA, GAMMA, World, header, problem};

#[tokio::test]
async fn the_catalogue_lists_narrows_and_turns_its_pages() {
    let world = World::start();
    let empty = page(&world, "/").await;
    assert_has(
        &empty,
        &["Nothing has been published yet", "test consortium"],
    );
    for at in 0..26 {
        let draft = Draft::new(&format!("alpha/x{at:02}"), "1.0.0").with(|manifest| {
            manifest.tags = vec![format!("tag-{at}"), "all".into()];
            if at == 7 {
                manifest.domain = "documents".into();
                manifest.license = "MIT".into();
                manifest.summary = "Sees <b>pages</b> & \"stamps\"".into();
            }
        });
        world.published(&draft.sign(&[ALPHA])).await;
    }
    let wide = Draft::new("alpha/wide", "1.0.0")
        .with(|manifest| {
            manifest.output.dimension = 8;
            manifest.input.color = registry_schema::preprocess::Color::Bgr;
        })
        .file("model.onnx", graph(8))
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)]);
    world.published(&wide.sign(&[ALPHA])).await;

    let first = page(&world, "/").await;
    assert_has(
        &first,
        &[
            "/extractors/alpha/x00",
            "/extractors/alpha/wide",
            "/extractors/alpha/x23",
            "Next page",
        ],
    );
    assert!(!first.contains("alpha/x24"));
    let next = "/?after=alpha%2Fx23";
    assert_has(&first, &[&format!("href=\"{next}\"")]);
    let second = page(&world, next).await;
    assert_has(
        &second,
        &[
            "/extractors/alpha/x24",
            "/extractors/alpha/x25",
            "First page",
        ],
    );
    assert!(!second.contains("alpha/x23\"") && !second.contains("Next page"));

    let of = async |query: &str| {
        let text = page(&world, query).await;
        let names = text.split("<h2><a href=\"/extractors/").skip(1);
        let names = names.map(|rest| rest.split('"').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    for query in [
        "/?q=stamps+x07",
        "/?domain=documents",
        "/?license=MIT",
        "/?tag=tag-7",
        "/?q=STAMPS&domain=documents&license=MIT&tag=tag-7&input=8%C3%978+rgb&dimensions=4&megabytes=1",
    ] {
        assert_eq!(of(query).await, ["alpha/x07"], "{query}");
    }
    assert_eq!(of("/?input=8%C3%978+bgr").await, ["alpha/wide"]);
    assert_eq!(of("/?dimensions=7&tag=all&q=wide").await, [""; 0]);
    assert_eq!(of("/?megabytes=0").await, [""; 0]);
    // Empty fields, as a browser sends them, and what nobody understands narrow nothing.
    let all = page(
        &world,
        "/?q=&domain=&license=&tag=&input=&dimensions=many&megabytes=",
    )
    .await;
    assert_has(&all, &["/extractors/alpha/x00", "is no number"]);
    // What an author wrote is text.
    let shown = page(&world, "/?q=stamps").await;
    assert!(!shown.contains("<b>pages"), "{shown}");
    assert_has(&shown, &["&#60;b&#62;pages", "<option>8×8 bgr</option>"]);
    let typed = page(&world, "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_has(&typed, &["No extractor fits"]);
}

#[tokio::test]
async fn a_row_tells_of_evaluations_advisories_and_yanks() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let second = Draft::new("alpha/squares", "1.0.1")
        .after(&first)
        .sign(&[ALPHA]);
    world.published(&second).await;
    let beta = world.make_token("beta", "publish");
    for (sequence, release) in [(1, &second), (2, &second)] {
        let figures = signed(evaluation(release, "beta", sequence).to_payload(), BETA);
        said(&world, &beta, &evaluations_of(release), figures).await;
    }
    world.yanked(&first).await;
    let warning = signed(advisory(&second, "beta", 1, 1).to_payload(), BETA);
    said(&world, &beta, &advisories_path(&second.name), warning).await;
    let row = page(&world, "/").await;
    assert_has(
        &row,
        &[
            "1 member<",
            "1 release yanked",
            "1 advisory, high",
            "1.0.1",
            "alpha</dd>",
        ],
    );
    // An advisory that was closed is told of no more.
    let closed = AdvisoryStatement {
        action: AdvisoryAction::Close,
        ..advisory(&second, "beta", 1, 2)
    };
    let closed = signed(closed.to_payload(), BETA);
    said(&world, &beta, &advisories_path(&second.name), closed).await;
    assert!(!page(&world, "/").await.contains("1 advisory"));
}

#[tokio::test]
async fn an_extractor_has_its_card_versions_figures_and_sources() {
    let world = World::start();
    let source = Draft::new("alpha/source", "3.0.0").sign(&[ALPHA]);
    world.published(&source).await;
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let card = "# Title <script>alert(1)</script>\n\n<img src=x onerror=alert(2)>\n\n[run](javascript:alert(3)) \
                [out](https://elsewhere.example/) ![the red one](probes/red.png) ![x](https://elsewhere.example/x.png)\n";
    let second = Draft::new("alpha/squares", "1.1.0")
        .after(&first)
        .with(|manifest| {
            manifest.output.dimension = 8;
            manifest.changes = Some("Four more for <i>texts</i>".into());
            manifest.derived_from = vec![Derivation {
                release: "alpha/source@3.0.0".parse::<Reference>().unwrap(),
                statement: Some(source.statement),
                how: "pruned <hard>".into(),
            }];
            manifest.provenance.datasets = vec![Dataset {
                name: "Squares & circles".into(),
                license: "CC0-1.0".into(),
                images: Some(1200),
                source: None,
            }];
            manifest.provenance.contributors = vec![Contributor {
                name: "gamma".into(),
                gave: vec![Contribution::Labels],
            }];
        })
        .file("README.md", card)
        .file("model.onnx", graph(8))
        .file("probes/gray.png", GRAY)
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0), ("gray", 1.5)]);
    // The vectors of the first four dimensions are the predecessor's.
    let second = second.sign(&[ALPHA]);
    world.published(&second).await;
    let beta = world.make_token("beta", "publish");
    let odd = EvaluationStatement {
        task: "red <b>or</b> blue".into(),
        ..evaluation(&second, "beta", 1)
    };
    said(
        &world,
        &beta,
        &evaluations_of(&second),
        signed(odd.to_payload(), BETA),
    )
    .await;
    world.yanked(&first).await;

    let shown = page(&world, "/extractors/alpha/squares").await;
    assert_has(
        &shown,
        &[
            "<code>hub pull alpha/squares@1</code>",
            "<h3>Title &lt;script&gt;alert(1)&lt;/script&gt;</h3>",
            "&lt;img src=x onerror=alert(2)&gt;",
            "<a href=\"https://elsewhere.example/\">out</a>",
            "<img src=\"/probe-images/alpha/squares/1.1.0/red.png\" alt=\"the red one\"",
            "/probe-images/alpha/squares/1.1.0/gray.png",
            "Begins feature space 1",
            "The features of 1.0.0, and 4 more",
            "Four more for &#60;i&#62;texts",
            "Yanked: wrong colours; use 9.0.0",
            "red &#60;b&#62;or",
            "<line class=\"interval\" x1=\"",
            "85.0 %",
            "<th scope=\"row\">beta</th>",
            "href=\"/extractors/alpha/source?version=3.0.0\"",
            "pruned &#60;hard&#62;",
            "Squares &#38; circles",
            "CC0-1.0 · 1200 images",
            "labels",
            "entry 2",
            &second.statement.to_string(),
            &Digest::of(&second.files["model.onnx"]).to_hex(),
        ],
    );
    // Another version of it.
    let old = page(&world, "/extractors/alpha/squares?version=1.0.0").await;
    assert_has(
        &old,
        &[
            "This release is yanked",
            "wrong colours",
            "<code>hub pull alpha/squares@1.0.0</code>",
            "No member has said",
        ],
    );
}

#[tokio::test]
async fn what_is_nowhere_is_told_of_on_a_page() {
    let world = World::start();
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    for nowhere in [
        "/extractors/alpha/circles",
        "/extractors/alpha/squares?version=7.0.0",
        "/extractors/alpha/squares?version=x",
        "/extractors/UPPER",
        "/nowhere",
    ] {
        let answer = visit(&world, nowhere)
            .header(AUTHORIZATION, format!("Bearer {}", world.token))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nowhere}");
        assert_has(&checked(answer).await, &["<h1>", "All extractors"]);
    }
    // Programs that read no pages get a problem.
    problem(
        world.get("/extractors/alpha/circles").await,
        ProblemCode::NotFound,
    )
    .await;
}

#[tokio::test]
async fn probe_images_are_shown_and_no_other_file() {
    let world = World::start();
    let release = Draft::new("everyday-objects", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let image = world
        .get("/probe-images/_/everyday-objects/1.0.0/red.png")
        .await;
    assert_eq!(image.status(), StatusCode::OK);
    assert_eq!(header(&image, "content-type"), "image/png");
    assert!(header(&image, "content-security-policy").contains("sandbox"));
    assert!(header(&image, "cache-control").contains("immutable"));
    assert_eq!(
        image.bytes().await.unwrap(),
        release.files["probes/red.png"]
    );
    for other in ["vectors.json", "..%2Fmodel.onnx", "pink.png", "red.png%2F"] {
        let path = format!("/probe-images/_/everyday-objects/1.0.0/{other}");
        assert_eq!(
            world.get(&path).await.status(),
            StatusCode::NOT_FOUND,
            "{other}"
        );
    }
    let path = "/probe-images/_/everyday-objects/latest/red.png";
    assert_eq!(world.get(path).await.status(), StatusCode::NOT_FOUND);
    let anonymous = visit(&world, "/probe-images/_/everyday-objects/1.0.0/red.png");
    let refused = anonymous.send().await.unwrap().status();
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_log_and_the_members_are_shown() {
    let world = World::start();
    let mut releases = Vec::new();
    for at in 0..27 {
        let release = Draft::new(&format!("alpha/x{at:02}"), "1.0.0").sign(&[ALPHA]);
        world.published(&release).await;
        releases.push(release);
    }
    let log = page(&world, "/log").await;
    assert_has(
        &log,
        &[
            "<dd>27</dd>",
            "alpha/x26@1.0.0",
            "/log?before=2",
            "names none",
        ],
    );
    assert!(!log.contains("alpha/x01@"));
    let earlier = page(&world, "/log?before=2").await;
    assert_has(
        &earlier,
        &["alpha/x00@1.0.0", "Earlier entries", "Latest entries"],
    );
    let one = &releases[3];
    let leaf = leaf_hash(&one.envelope).to_hex();
    for asked in ["3", "%233", &one.statement.to_string(), &leaf] {
        let found = page(&world, &format!("/log?entry={asked}")).await;
        assert_has(
            &found,
            &[
                "Entry 3: release",
                &leaf,
                "Colours of small squares",
                "c2sp.org/tlog-proof",
            ],
        );
    }
    for asked in ["27", "x", "sha256:00"] {
        let none = page(&world, &format!("/log?entry={asked}")).await;
        assert_has(&none, &["The log has no entry"]);
    }
    let members = page(&world, "/members").await;
    let key = crate::world::key(GAMMA).public().id().to_string();
    assert_has(
        &members,
        &[
            "alpha",
            "beta",
            "gamma",
            &key,
            "alpha, beta (2 of 2 sign)",
            "nothing published yet",
        ],
    );
    let info: HubInfo = world.json("/api/v1").await;
    assert_has(&members, &[&info.trust_root.first_root.to_string()]);
}

#[tokio::test]
async fn a_public_hub_shows_its_pages_to_everybody() {
    let world = World::start_with(&["--public"]);
    let answer = visit(&world, "/").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_has(&checked(answer).await, &["href=\"/login\""]);
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let world = World::start();
    let answer = world.get("/").await;
    let (etag, caching) = (
        header(&answer, "etag").to_owned(),
        header(&answer, "cache-control").to_owned(),
    );
    assert_eq!(caching, "private, no-cache");
    let text = answer.text().await.unwrap();
    let again = world.request(Method::GET, "/").header(IF_NONE_MATCH, &etag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.bytes().await.unwrap().is_empty());
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    let changed = world.request(Method::GET, "/").header(IF_NONE_MATCH, &etag);
    assert_eq!(changed.send().await.unwrap().status(), StatusCode::OK);
    let head = world.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.bytes().await.unwrap().is_empty());
    // The style, which everybody may have for good.
    let style = text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap();
    let style = style.split('"').next().unwrap();
    let style = visit(&world, style).send().await.unwrap();
    assert_eq!(header(&style, "content-type"), "text/css; charset=utf-8");
    assert!(header(&style, "cache-control").contains("immutable"));
    let icon = visit(&world, "/assets/icon.svg").send().await.unwrap();
    assert_eq!(header(&icon, "content-type"), "image/svg+xml");
    let none = visit(&world, "/assets/0000000000000000.css")
        .send()
        .await
        .unwrap();
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn rows_of_an_earlier_version_are_given_what_filters_need() {
    let mut world = World::start();
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    world.kill();
    // As the tables were before.
    tamper(
        &world,
        "DROP TABLE sessions; DROP INDEX releases_catalogue; ALTER TABLE releases DROP COLUMN input; \
         DELETE FROM __diesel_schema_migrations WHERE version = '0005';",
    );
    world.serve(&[]);
    let found = page(&world, "/?input=8%C3%978+rgb").await;
    assert_has(&found, &["/extractors/alpha/squares"]);
    let (is_whole, findings) = world.verify_log();
    assert!(is_whole, "{findings}");
}
