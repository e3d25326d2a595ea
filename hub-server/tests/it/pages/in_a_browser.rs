//! The pages in a real Chromium: what is looked at is in `tests/pages/look.mjs`.

use std::path::Path;
use std::process::Command;

use registry_schema::api::{advisories_path, yanks_path};
use registry_schema::envelope::Envelope;
use registry_schema::manifest::{Contribution, Contributor, Dataset, Derivation};
use registry_schema::statement::{
    AdvisoryStatement, AffectedVersions, ClassFigures, EvaluationStatement, Figures, Severity,
    Verdict, YankAction, YankStatement,
};

use super::visitor::{evaluations_of, said};
use crate::browser::browser_tools;
use crate::draft::{Draft, GRAY, Signed, graph};
use crate::members_say::{advisory, evaluation, signed};
use crate::world::{ALPHA, BETA, GAMMA, World, key};

const CARD: &str = "\
# passport-extractor

Features of **pages of identity documents**, flat on a scanner or held before a phone.

## What it is good for

- telling kinds of documents apart
- finding pages that a machine cannot read
- *not* for faces: it is blind to them on purpose

## How it was measured

| images | right |
|---|---|
| scans | 98.1 % |
| phones | 93.4 % |

Run `hub choose` on some twenty pages of your own before you rely on it.
";

/// A hub with a little of everything.
async fn furnished() -> World {
    let world = World::start();
    let squares = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&squares).await;
    let photographs = "photographs";
    for (name, domain, summary, tags) in [
        (
            "everyday-objects",
            photographs,
            "Things of the household and the street, seen by a phone",
            "objects street retail",
        ),
        (
            "alpha/leaf-scans",
            photographs,
            "Leaves on white paper: outline, veins, blight",
            "plants scans",
        ),
        (
            "alpha/weave",
            "textiles",
            "Weaves and prints of cloth under even light",
            "fabric quality",
        ),
    ] {
        let draft = Draft::new(name, "1.2.0").with(|manifest| {
            manifest.domain = domain.into();
            manifest.summary = summary.into();
            manifest.tags = tags.split(' ').map(str::to_owned).collect();
        });
        world.published(&draft.sign(&[ALPHA])).await;
    }
    let owners = [ALPHA, BETA];
    let first = passport("2.0.0", &squares).sign(&owners);
    world.published(&first).await;
    let changes = "Features of text are appended: strokes, lines, the machine-readable zone.";
    let second = passport("2.1.0", &squares)
        .after(&first)
        .with(|manifest| {
            manifest.changes = Some(changes.into());
            manifest.output.dimension = 8;
        })
        .file("model.onnx", graph(8))
        .file("probes/gray.png", GRAY)
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0), ("gray", 1.5)])
        .sign(&owners);
    world.published(&second).await;
    let yank = YankStatement {
        name: first.name.clone(),
        version: first.version.clone(),
        content: first.content,
        action: YankAction::Yank,
        reason: "turned pages upside down where the file said how it was held".into(),
        replacement: Some(second.version.clone()),
        sequence: 1,
    };
    let keys = owners.map(key);
    let yank = Envelope::sign(yank.to_payload(), &keys.iter().collect::<Vec<_>>());
    let path = yanks_path(&first.name, &first.version);
    said(&world, &world.token, &path, yank.to_bytes()).await;
    evaluate(&world, &second).await;
    warn(&world, &second).await;
    world
}

fn passport(version: &str, from: &Signed) -> Draft {
    let contributor = |name: &str, gave: &[Contribution]| Contributor {
        name: name.into(),
        gave: gave.to_vec(),
    };
    let draft = Draft::new("passport-extractor", version).with(|manifest| {
        manifest.summary =
            "Pages of identity documents: layout, portrait, machine-readable zone".into();
        manifest.tags = ["identity", "mrz", "scans"].map(str::to_owned).to_vec();
        manifest.domain = "documents".into();
        manifest.provenance.base = Some("EfficientNet-lite0, published weights of 2019".into());
        manifest.provenance.datasets = vec![Dataset {
            name: "Specimens drawn by alpha".into(),
            license: "CC0-1.0".into(),
            images: Some(48_000),
            source: Some("https://alpha.example/specimens".into()),
        }];
        manifest.provenance.contributors = vec![
            contributor("alpha", &[Contribution::Data, Contribution::Weights]),
            contributor("beta", &[Contribution::Compute]),
        ];
        manifest.derived_from = vec![Derivation {
            release: "alpha/squares@1.0.0".parse().unwrap(),
            statement: Some(from.statement),
            how: "fine-tuned".into(),
        }];
    });
    draft.file("README.md", CARD)
}

async fn evaluate(world: &World, release: &Signed) {
    let scans = "passports, driving licences and visas, scanned";
    for (member, seed, task, right, images, verdict) in [
        ("alpha", ALPHA, scans, 188, 200, Verdict::Passed),
        (
            "beta",
            BETA,
            "can a machine read this page?",
            49,
            60,
            Verdict::Passed,
        ),
        (
            "gamma",
            GAMMA,
            "kinds of permits on phones",
            31,
            44,
            Verdict::Warned,
        ),
    ] {
        let class = |class: &str, images: u32, correct: u32| ClassFigures {
            class: class.into(),
            images,
            correct,
        };
        let half = images / 2;
        let classes = vec![
            class("one", half, right / 2),
            class("other", images - half, right - right / 2),
        ];
        let figures = EvaluationStatement {
            task: task.into(),
            figures: Figures::new(classes, 0.31).unwrap(),
            verdict,
            ..evaluation(release, member, 1)
        };
        let token = world.make_token(member, "publish");
        let figures = signed(figures.to_payload(), seed);
        said(world, &token, &evaluations_of(release), figures).await;
    }
}

async fn warn(world: &World, release: &Signed) {
    let affected = AffectedVersions {
        introduced: "2.0.0".parse().unwrap(),
        last_affected: None,
        fixed_in: None,
    };
    let text = "Features of pages under yellow lamps move towards those of old paper.\n\
                Have some of them among your labels.";
    let warning = AdvisoryStatement {
        severity: Severity::Moderate,
        title: "Pages under coloured light".into(),
        text: text.into(),
        affected,
        ..advisory(release, "gamma", 1, 1)
    };
    let token = world.make_token("gamma", "publish");
    let warning = signed(warning.to_payload(), GAMMA);
    said(world, &token, &advisories_path(&release.name), warning).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_without_scripts_light_dark_wide_and_narrow() {
    let Some(tools) = browser_tools() else { return };
    let world = furnished().await;
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages/look.mjs"))
        .args([world.base.as_str(), &world.token])
        .args(std::env::var_os("HUB_PAGES_PICTURES"))
        .env("HUB_LABEL_PAGE", tools);
    let looked = tokio::task::spawn_blocking(move || command.output());
    let looked = looked.await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success(), "{told}");
}
