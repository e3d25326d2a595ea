//! The pages in a real Chromium: what is looked at is in `tests/pages/look.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use registry_schema::api::{advisories_path, yanks_path};
use registry_schema::manifest::{Contribution, Contributor, Dataset, Derivation};
use registry_schema::statement::{
    AdvisoryStatement, AffectedVersions, ClassFigures, EvaluationStatement, Figures, Severity,
    Verdict, YankAction,
};

use super::{evaluations_of, said};
use crate::draft::{Draft, GRAY};
use crate::members_say::{advisory, evaluation, signed};
use crate::world::{ALPHA, BETA, GAMMA, World};

/// Where the driver of the browser is; without it, which is said, there is nothing to test with.
fn browser_tools() -> Option<PathBuf> {
    let folder = std::env::var_os("HUB_LABEL_PAGE")
        .map(PathBuf::from)
        .filter(|folder| folder.join("node_modules").is_dir());
    if folder.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "HUB_LABEL_PAGE must name the tools for a browser in CI"
        );
        eprintln!("skipped: HUB_LABEL_PAGE names no tools for a browser; `make test` sets it");
    }
    folder
}

/// A hub with a little of everything.
async fn furnished() -> World {
    let world = World::start();
    let squares = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&squares).await;
    for (name, domain, summary, tags, license) in [
        (
            "everyday-objects",
            "photographs",
            "Things of the household and the street, seen by a phone",
            "objects street retail",
            "Apache-2.0",
        ),
        (
            "alpha/leaf-scans",
            "photographs",
            "Leaves on white paper: outline, veins, blight",
            "plants scans",
            "MIT",
        ),
        (
            "alpha/weave",
            "textiles",
            "Weaves and prints of cloth under even light",
            "fabric quality",
            "Apache-2.0",
        ),
    ] {
        let draft = Draft::new(name, "1.2.0").with(|manifest| {
            manifest.domain = domain.into();
            manifest.summary = summary.into();
            manifest.tags = tags.split(' ').map(str::to_owned).collect();
            manifest.license = license.into();
        });
        world.published(&draft.sign(&[ALPHA])).await;
    }
    let passport = |version: &str| {
        Draft::new("passport-extractor", version).with(|manifest| {
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
                Contributor {
                    name: "alpha".into(),
                    gave: vec![Contribution::Data, Contribution::Weights],
                },
                Contributor {
                    name: "beta".into(),
                    gave: vec![Contribution::Compute],
                },
            ];
            manifest.derived_from = vec![Derivation {
                release: "alpha/squares@1.0.0".parse().unwrap(),
                statement: Some(squares.statement),
                how: "fine-tuned".into(),
            }];
        })
    };
    let card = "# passport-extractor\n\nFeatures of **pages of identity documents**, flat on a scanner or held before a phone.\n\n\
                ## What it is good for\n\n- telling kinds of documents apart\n- finding pages that a machine cannot read\n- *not* for faces: it is blind to them on purpose\n\n\
                ## How it was measured\n\n| images | right |\n|---|---|\n| scans | 98.1 % |\n| phones | 93.4 % |\n\n\
                Run `hub choose` on some twenty pages of your own before you rely on it.\n\n![A red square](probes/red.png)\n";
    let first = passport("2.0.0")
        .file("README.md", card)
        .sign(&[ALPHA, BETA]);
    world.published(&first).await;
    let second = passport("2.1.0")
        .after(&first)
        .with(|manifest| {
            manifest.changes = Some(
                "Features of text are appended: strokes, lines, the machine-readable zone.".into(),
            )
        })
        .file("README.md", card)
        .file("probes/gray.png", GRAY)
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0), ("gray", 1.5)])
        .sign(&[ALPHA, BETA]);
    world.published(&second).await;
    let path = yanks_path(&first.name, &first.version);
    let yank = first.yank(YankAction::Yank, 1, &[ALPHA, BETA]);
    said(&world, &world.token, &path, yank).await;
    for (member, seed, task, right, images, verdict) in [
        (
            "alpha",
            ALPHA,
            "passports, driving licences and visas, scanned",
            188,
            200,
            Verdict::Passed,
        ),
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
            "kinds of residence permits on phones",
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
            ..evaluation(&second, member, 1)
        };
        let token = world.make_token(member, "publish");
        said(
            &world,
            &token,
            &evaluations_of(&second),
            signed(figures.to_payload(), seed),
        )
        .await;
    }
    let warning = AdvisoryStatement {
        severity: Severity::Moderate,
        title: "Pages under coloured light".into(),
        text: "Features of pages under yellow lamps move towards those of old paper.\nHave some of them among your labels.".into(),
        affected: AffectedVersions { introduced: first.version.clone(), last_affected: None, fixed_in: None },
        ..advisory(&second, "gamma", 1, 1)
    };
    let gamma = world.make_token("gamma", "publish");
    said(
        &world,
        &gamma,
        &advisories_path(&second.name),
        signed(warning.to_payload(), GAMMA),
    )
    .await;
    world
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
