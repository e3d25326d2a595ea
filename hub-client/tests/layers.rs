//! Modules import lower floors only, and each outside thing has one door.

#[path = "../../registry-schema/tests/support/layers.rs"]
mod support;

use support::{Crate, Door};

#[test]
fn modules_import_lower_floors_only() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_floors(&[
        &["causes", "files", "confine", "explore", "listening"],
        &["config"],
        &[
            "keys", "journal", "registry", "dataset", "head", "lockfile", "runtime", "witness",
        ],
        &[
            "store",
            "trust",
            "consortium",
            "features",
            "log_view",
            "contact_sheet",
            "choose",
        ],
        &["worker", "logged", "evaluation_page"],
        &["publish", "bundle", "members_say"],
        &["pull", "audit", "forge"],
        &["cosign", "hub", "import", "mirror"],
        &["hint"],
        &["label_app", "serve"],
    ]);
}

#[test]
fn exploring_has_floors_of_its_own() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_inner_floors(
        "explore",
        &[
            &["error", "random", "parallel", "kernel", "eigen"],
            &["neighbours"],
            &["clusters", "duplicates", "moments", "products", "sample"],
            &["projection"],
            &["outliers", "map", "suggest", "reduction"],
            &["domain"],
        ],
    );
}

#[test]
fn each_outside_thing_has_one_door() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_doors(DOORS);
}

const DOORS: &[Door] = &[
    Door {
        thing: "ort::",
        allowed: &["runtime/session.rs", "runtime/library.rs"],
    },
    Door {
        thing: "actix_web",
        allowed: &[
            "listening.rs",
            "witness/http.rs",
            "label_app/server.rs",
            "label_app/guard.rs",
            "label_app/routes/",
            "serve/server.rs",
            "serve/gate.rs",
            "serve/held.rs",
            "serve/routes.rs",
        ],
    },
    Door {
        thing: "prometheus_client::",
        allowed: &["serve/metrics.rs"],
    },
    Door {
        thing: "tar::",
        allowed: &["bundle/"],
    },
    Door {
        thing: "reqwest::",
        allowed: &["registry/"],
    },
    Door {
        thing: "nalgebra::",
        allowed: &["explore/eigen.rs"],
    },
    Door {
        thing: "landlock::",
        allowed: &["confine/"],
    },
    Door {
        thing: "seccompiler::",
        allowed: &["confine/"],
    },
    Door {
        thing: "Command::new",
        allowed: &[
            "worker/process.rs",
            "bin/hub/browser",
            "registry/blob_mirror/helper.rs",
        ],
    },
    // Nobody else loads a graph: commands have a worker do it.
    Door {
        thing: "Extractor::open",
        allowed: &["runtime/", "worker/serve.rs"],
    },
    // Pictures may be made to harm: small versions, too, are made by a worker.
    Door {
        thing: "Thumbnail::of_file",
        allowed: &["runtime/", "worker/serve.rs"],
    },
    // What is signed is in the journal, or a monitor would take it for a thief's.
    Door {
        thing: "Envelope::sign(",
        allowed: &["journal"],
    },
    Door {
        thing: "println!",
        allowed: &["bin/hub/output", "bin/hub/report"],
    },
    Door {
        thing: "std::process::exit",
        allowed: &["bin/hub/interrupt"],
    },
    Door {
        thing: "fs::write",
        allowed: &["files/"],
    },
    Door {
        thing: "File::create",
        allowed: &["files/"],
    },
    Door {
        thing: "OpenOptions",
        allowed: &["files/"],
    },
    Door {
        thing: "fs::rename",
        allowed: &["files/"],
    },
    Door {
        thing: "fs::remove",
        allowed: &["files/"],
    },
    Door {
        thing: "fs::create_dir",
        allowed: &["files/"],
    },
    Door {
        thing: "#![allow(",
        allowed: &[],
    },
];
