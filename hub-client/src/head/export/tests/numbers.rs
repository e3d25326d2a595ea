//! Numbers that are read back.

use ndarray::array;

use super::*;

#[test]
fn numbers_survive_safetensors_and_python() {
    let features = array![[0.3_f32, -0.2, 0.9], [0.0, 0.0, 0.0], [1.0, 2.0, -3.0]];
    for transform in TRANSFORMS {
        let example = Example::new(4, 3);
        for head in [
            example.head(transform),
            example.head(transform).without_references(),
        ] {
            let (mut tensors, mut again, mut program) = (Vec::new(), Vec::new(), Vec::new());
            write_safetensors(&head, &metadata(3), &mut tensors).unwrap();
            write_safetensors(&head, &metadata(3), &mut again).unwrap();
            assert_eq!(tensors, again, "the same head is the same bytes");
            write_sklearn(&head, &metadata(3), &mut program).unwrap();
            let numbers = read_safetensors(&tensors).unwrap();
            assert_eq!(read_sklearn(&program).unwrap(), numbers);
            assert_eq!(numbers.head().weights, head.weights);
            assert_eq!(numbers.head().temperature, head.temperature);
            assert_eq!(numbers.head().classes, head.classes);
            let scores = numbers.scores(features.view());
            assert_eq!(scores.len(), 3);
            let has_references = head.abstention.unlike.is_some();
            assert!(
                scores
                    .iter()
                    .all(|one| one.unlike.is_some() == has_references)
            );
        }
    }
}

#[test]
fn damaged_numbers_are_refused() {
    let example = Example::new(4, 3);
    let mut bytes = Vec::new();
    write_safetensors(&example.head("standardise"), &metadata(3), &mut bytes).unwrap();
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(read_safetensors(&bytes[..length]).is_err(), "{length}");
    }
    let mut long = bytes.clone();
    long[7] = 1;
    assert!(read_safetensors(&long).is_err());
    let mut program = Vec::new();
    write_sklearn(&example.head("l2"), &metadata(3), &mut program).unwrap();
    let changed = String::from_utf8(program)
        .unwrap()
        .replace("NEIGHBOURS = 5", "NEIGHBOURS = 6");
    let error = read_sklearn(changed.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("not the program"), "{error}");
}
