//! What a program makes up that has read the API's description: no fault of the server's.

use std::path::Path;
use std::process::Command;

use crate::draft::Draft;
use crate::missing;
use crate::plain::Plain;
use crate::python::python;
use crate::world::{ALPHA, World};

#[tokio::test]
async fn requests_made_of_the_description_are_no_fault() {
    let Some(python) = python() else { return };
    let mut world = World::start();
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    world.kill();
    let mut plain = Plain::start(&world, &[]);
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new(python.with_file_name("schemathesis"))
        .current_dir(folder.path())
        .arg("run")
        .arg(description)
        .args(["--url", &format!("http://{}", plain.address)])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", world.token),
        ])
        .args([
            "--checks",
            "not_a_server_error",
            "--phases",
            "coverage,fuzzing",
        ])
        .args([
            "--max-examples",
            "5",
            "--generation-deterministic",
            "--continue-on-failure",
        ])
        .args(["--no-color", "--warnings", "off"])
        .output();
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => {
            let what = "no schemathesis beside HUB_PYTHON; `make test` installs it";
            missing::tool(&format!("{what}: {error}"));
            return;
        }
    };
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("Tested: "), "{said}");
    assert!(plain.is_alive());
    let log = plain.log();
    assert!(
        !log.contains("panicked") && !log.contains("\"status\":5"),
        "{log}"
    );
}
