//! Modules import lower floors only, and each outside thing has one door.

#[path = "../../registry-schema/tests/support/layers.rs"]
mod support;

use support::{Crate, Door};

#[test]
fn modules_import_lower_floors_only() {
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_floors(&[
        &["bucket_address", "repository"],
        &["config", "cause"],
        &["settings_file", "database", "blobs"],
        &[
            "tokens",
            "attempts",
            "rate",
            "quota",
            "journal_file",
            "log",
            "trust",
            "gc",
            "copy_blobs",
        ],
        &["uploads", "answers", "deltas"],
        &["app"],
        &["inspection", "resolve", "log_folder", "tls"],
        &["metrics"],
        &["publish", "oci"],
        &["yank", "attach", "members_say"],
        &["trust_change", "pages"],
        &["index", "error", "traffic"],
        &["restore", "migrate_store", "mirror", "backup", "gate"],
        &["auth", "journal_entry"],
        &["journal", "freshness"],
        &["routes"],
        &["server", "doctor"],
        &["check_config"],
        &["commands"],
    ]);
}

#[test]
fn each_outside_thing_has_one_door() {
    let doors = [
        Door {
            thing: "diesel",
            allowed: &["database/"],
        },
        Door {
            thing: "actix_web",
            allowed: &[
                "auth.rs",
                "error/",
                "freshness.rs",
                "gate.rs",
                "journal.rs",
                "journal_entry.rs",
                "routes/",
                "server/",
                "traffic.rs",
            ],
        },
        Door {
            thing: "prometheus_client",
            allowed: &["metrics.rs"],
        },
        Door {
            thing: "std::fs",
            allowed: &[
                "app.rs",
                "blobs/",
                "deltas/mod.rs",
                "backup/",
                "inspection.rs",
                "journal_file/",
                "log/keys.rs",
                "trust/keys.rs",
                "log_folder.rs",
                "mirror/follow.rs",
                "mirror/mod.rs",
                "routes/download.rs",
                "server/",
                "settings_file/",
                "tls/",
            ],
        },
        Door {
            thing: "object_store",
            allowed: &["blobs/bucket/"],
        },
        Door {
            thing: "sha2::",
            allowed: &["repository/digest.rs"],
        },
        Door {
            thing: "reqwest::",
            allowed: &["log/witnesses/ask.rs"],
        },
        Door {
            thing: "verify_release(",
            allowed: &["app.rs", "publish/"],
        },
    ];
    Crate::here(env!("CARGO_MANIFEST_DIR")).check_doors(&doors);
}
