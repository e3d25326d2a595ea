//! Files for other runtimes.

use std::fs;
use std::path::Path;

use registry_schema::onnx::{InspectionPolicy, inspect};

use super::*;

/// Writes files for `tests/python/check_export.py`: for every extractor in the folder `HUB_TEST_MODELS` and every
/// transform a folder in `HUB_EXPORT_FOLDER` with `fused.onnx`, `head.onnx` and `parameters.json`.
#[test]
fn files_for_other_runtimes() {
    let (Ok(models), Ok(folder)) = (
        std::env::var("HUB_TEST_MODELS"),
        std::env::var("HUB_EXPORT_FOLDER"),
    ) else {
        eprintln!("skipped: HUB_TEST_MODELS and HUB_EXPORT_FOLDER are not both set");
        return;
    };
    for entry in fs::read_dir(models).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        for transform in TRANSFORMS {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            export_for_python(
                &path,
                transform,
                &Path::new(&folder).join(format!("{stem}-{transform}")),
            );
        }
    }
}

fn export_for_python(model: &Path, transform: &str, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let size_bytes = fs::metadata(model).unwrap().len();
    let open = || fs::File::open(model).unwrap();
    let graph = inspect(open(), size_bytes, &InspectionPolicy::default()).unwrap();
    let shape = graph.outputs[0].shape.as_ref().unwrap();
    let available = usize::try_from(shape[1].fixed().unwrap()).unwrap();
    // Two of the transforms read fewer dimensions than there are.
    let dimension = if transform.len() < 5 {
        available * 3 / 4
    } else {
        available
    };
    let example = Example::new(if dimension == available { 2 } else { 7 }, dimension);
    let head = example.head(transform);
    let mut fused = fs::File::create(folder.join("fused.onnx")).unwrap();
    let extractor = ExtractorGraph {
        file: open(),
        size_bytes,
        features: &graph.outputs[0].name,
    };
    write_fused_onnx(extractor, None, &head, &metadata(available), &mut fused).unwrap();
    let mut own = fs::File::create(folder.join("head.onnx")).unwrap();
    write_head_onnx(&head, &metadata(available), &mut own).unwrap();
    let parameters = serde_json::json!({
        "transform": transform,
        "temperature": head.temperature,
        "weights": example.weights.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        "bias": example.bias.to_vec(),
        "mean": example.mean.to_vec(),
        "scale": example.scale.to_vec(),
        "classes": example.classes,
    });
    fs::write(folder.join("parameters.json"), parameters.to_string()).unwrap();
    let written = folder.join("fused.onnx");
    let size_bytes = fs::metadata(&written).unwrap().len();
    let policy = InspectionPolicy::default();
    inspect(fs::File::open(&written).unwrap(), size_bytes, &policy).unwrap();
}
