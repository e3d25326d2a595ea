//! `hub extractor reduce`

use super::{cut_dots, embedded, forge, manifest, pictures};
use crate::world::World;

#[test]
fn features_are_reduced_to_the_axes_of_ones_own_images() {
    let Some(world) = World::start() else { return };
    cut_dots(&world, "Apache-2.0");
    world.hub("alpha", &["publish", "dots"]).ok();
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = pictures(&world, 12);
    let folder = pictures.to_str().unwrap();
    let whole = embedded(&world, "dots@1", &pictures);

    let line = [
        "reduce",
        "dots@1",
        "--images",
        folder,
        "--dims",
        "5",
        "--name",
        "beta/five",
        "--json",
    ];
    let reduced = forge(&world, "beta", &line).json();
    assert_eq!(reduced["dimension"], 5);
    assert_eq!(reduced["dimension_before"], 24);
    assert_eq!(reduced["images"], 48);
    assert_eq!(reduced["license"], "Apache-2.0");
    let kept = reduced["variance_kept"].as_f64().unwrap();
    let said = manifest(&world.project("beta").join("five"));
    assert_eq!(said.derived_from.len(), 1);
    assert_eq!(said.derived_from[0].release.to_string(), "dots@1.0.0");
    assert!(said.derived_from[0].statement.is_some());
    assert!(
        said.derived_from[0]
            .how
            .contains("5 principal axes of 48 images")
    );
    world.hub("beta", &["publish", "five"]).ok();
    world.hub("beta", &["pull", "beta/five@1"]).ok();
    let five = embedded(&world, "beta/five@1", &pictures);

    // Along the axes the images' mean is zero, axes are not correlated, and the variance is what was said.
    let along = covariance(&five);
    let total: f64 = (0..24).map(|one| covariance(&whole)[one][one]).sum();
    let found: f64 = (0..5).map(|one| along[one][one]).sum();
    assert!(
        (found / total - kept).abs() < 1e-4,
        "{found} of {total} is not {kept}"
    );
    for (one, row) in along.iter().enumerate() {
        for (other, value) in row.iter().enumerate().filter(|&(other, _)| other != one) {
            let scale = (along[one][one] * along[other][other]).sqrt();
            assert!(
                value.abs() < 1e-2 * scale,
                "axes {one} and {other}: {value} beside {scale}"
            );
        }
        assert!(one == 0 || along[one][one] <= along[one - 1][one - 1] * 1.001);
    }
    let means = (0..5)
        .map(|one| five.iter().map(|row| f64::from(row[one])).sum::<f64>() / five.len() as f64);
    assert!(
        means
            .into_iter()
            .all(|mean| mean.abs() < 1e-4 * total.sqrt())
    );

    // Half-whitened, variances differ by their square roots.
    let line = [
        "reduce",
        "dots@1",
        "--images",
        folder,
        "--dims",
        "3",
        "--method",
        "half-whitening",
        "--name",
        "beta/three",
    ];
    forge(&world, "beta", &line).ok();
    world.hub("beta", &["publish", "three"]).ok();
    world.hub("beta", &["pull", "beta/three@1"]).ok();
    let half = covariance(&embedded(&world, "beta/three@1", &pictures));
    for axis in 1..3 {
        let expected = (along[axis][axis] / along[0][0]).sqrt();
        let ratio = half[axis][axis] / half[0][0] / expected;
        assert!((ratio - 1.0).abs() < 2e-2, "{axis}: {ratio}");
    }

    // What cannot be had is said.
    let line = [
        "reduce", "dots@1", "--images", folder, "--name", "beta/xx", "--dims",
    ];
    forge(&world, "beta", &[&line[..], &["24"]].concat()).fails(2, "no fewer than the 24");
    let few = format!("{folder}/red");
    let line = [
        "reduce", "dots@1", "--images", &few, "--name", "beta/xx", "--dims", "20",
    ];
    forge(&world, "beta", &line).fails(1, "differ along 11 axes only");
    assert!(!world.project("beta").join("xx").exists());
}

fn covariance(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let (count, dimension) = (rows.len() as f64, rows[0].len());
    let mean: Vec<f64> = (0..dimension)
        .map(|one| rows.iter().map(|row| f64::from(row[one])).sum::<f64>() / count)
        .collect();
    let entry = |one: usize, other: usize| {
        let products = rows
            .iter()
            .map(|row| (f64::from(row[one]) - mean[one]) * (f64::from(row[other]) - mean[other]));
        products.sum::<f64>() / (count - 1.0)
    };
    (0..dimension)
        .map(|one| (0..dimension).map(|other| entry(one, other)).collect())
        .collect()
}
