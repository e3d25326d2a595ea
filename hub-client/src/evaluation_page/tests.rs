#![allow(clippy::unwrap_used, reason = "tests")]

use ndarray::Array2;

use super::*;
use crate::files::Existing;
use crate::head::metrics::{RELIABILITY_BINS, wilson};

/// A page of as many classes, with one mistake for each.
fn page(classes: usize) -> EvaluationPage {
    let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    let image = |index: usize, truth: usize, likeliest: usize| JudgedImage {
        name: format!("{truth}/{index}.png"),
        path: format!("/pictures/{truth}/{index}.png").into(),
        truth,
        likeliest,
        probability: 0.5 + 0.01 * f32::from(u8::try_from(index % 40).unwrap()),
        plausible: if index == 0 {
            vec![likeliest, truth]
        } else {
            vec![likeliest]
        },
        is_unlike: index == 1,
        nearest: Vec::new(),
    };
    let images: Vec<JudgedImage> = (0..classes)
        .flat_map(|class| {
            let wrong = (class + 1) % classes;
            [
                image(0, class, wrong),
                image(1, class, class),
                image(2, class, class),
            ]
        })
        .collect();
    let truth: Vec<usize> = images.iter().map(|image| image.truth).collect();
    let mut probabilities = Array2::<f32>::zeros((images.len(), classes));
    for (mut row, image) in probabilities.rows_mut().into_iter().zip(&images) {
        row[image.likeliest] = image.probability;
    }
    let metrics = Metrics::new(probabilities.view(), &truth, &names);
    EvaluationPage {
        title: "border on <60> images".to_owned(),
        facts: vec![("extractor".to_owned(), "dots@1 & more".to_owned())],
        warnings: vec!["the figures flatter it".to_owned()],
        classes: names,
        figures: PageFigures {
            images: metrics.images,
            how: String::new(),
            repeats: 1,
            accuracy: metrics.accuracy,
            accuracy_interval: metrics.accuracy_interval,
            balanced_accuracy: metrics.balanced_accuracy,
            log_loss: metrics.log_loss,
            reliability: Reliability::new(probabilities.view(), &truth),
            answered: None,
            plausible_from: None,
            classes: metrics.classes,
        },
        images,
    }
}

/// What the page says, with plain spaces, and the files of which it wanted small versions.
fn written(page: &EvaluationPage) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let mut asked = Vec::new();
    let destination = Destination::new(&path, Existing::Keep).unwrap();
    page.write(&destination, |paths| {
        asked.extend(paths.iter().map(|path| path.display().to_string()));
        let none = paths
            .iter()
            .map(|path| (!path.ends_with("2.png")).then(|| Thumbnail::parse("/9j/".into())));
        Ok::<_, FileError>(none.map(Option::flatten).collect())
    })
    .unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    (text.replace('\u{a0}', " "), asked)
}

#[test]
fn each_number_leads_to_its_images() {
    let (text, asked) = written(&page(3));
    let targets: Vec<&str> = text
        .split("href=\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for target in &targets {
        assert_eq!(
            text.matches(&format!("id=\"{target}\"")).count(),
            1,
            "{target}"
        );
    }
    assert!(targets.contains(&"cell-0-1") && targets.contains(&"cell-2-2"));
    // Nine in the cells, three mistakes, three unsure, three unlike.
    assert_eq!(asked.len(), 18);
    let shown = text.matches("<img ").count() + text.matches("no preview").count();
    assert_eq!(shown, 18);
    assert!(text.contains("1 image of “class 0”, taken for “class 1”"));
}

#[test]
fn nothing_from_outside_gets_out_of_its_place_and_nothing_is_asked_for() {
    let mut page = page(2);
    let evil = "\"><script>alert(1)</script>";
    page.classes[0] = evil.to_owned();
    page.figures.classes[0].class = evil.to_owned();
    page.images[0].name = evil.to_owned();
    page.images[0].nearest = vec![NearestImage {
        class: 0,
        file: Some((evil.to_owned(), "/pictures/near.png".into())),
    }];
    let (text, asked) = written(&page);
    assert!(!text.contains("<script") && !text.contains("://"), "{text}");
    assert!(text.contains("<title>border on &lt;60&gt; images</title>"));
    assert!(text.contains("default-src 'none'"));
    assert!(asked.contains(&"/pictures/near.png".to_owned()));
}

#[test]
fn the_figures_are_said_in_words_first() {
    let mut page = page(2);
    let first = words::accuracy(&page.figures).replace('\u{a0}', " ");
    assert_eq!(
        first,
        "Right on 4 of 6 images: 66.7 %. On many more images of the same kind it would be right on \
         34.7 % to 88.3 % of them; a range like this holds the truth 9 times in 10."
    );
    let lead = written(&page).0;
    assert!(lead.find(&first).unwrap() < lead.find("<table>").unwrap());
    page.figures.how = "6 images in 2 blocks".to_owned();
    page.figures.plausible_from = Some(vec![0.3, 0.4]);
    page.figures.answered = Some(Answered {
        share: 0.5,
        accuracy: Some(1.0),
        accuracy_interval: Some(wilson(1.0, 3)),
        coverage: 1.0,
        coverage_per_class: vec![Some(1.0), None],
    });
    let (text, _) = written(&page);
    for words in [
        "while they were held out",
        "It gives an answer on 50.0 % of the images, and 100.0 % of these answers are right (52.6 % to 100.0 %)",
        "2 images are unlike anything it was shown",
        "Measured on 6 images in 2 blocks.",
        "<td>100.0 %</td><td>30.0 %</td>",
        "<td>–</td><td>40.0 %</td>",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn many_classes_are_listed_by_their_mistakes() {
    let (text, _) = written(&page(31));
    assert!(
        text.contains("The commonest mistakes. Each number") && !text.contains("A row for what")
    );
    assert!(text.contains("id=\"cell-30-0\"") && !text.contains("id=\"cell-0-0\""));
}

#[test]
fn what_is_left_out_is_counted() {
    let mut page = page(2);
    let one = page.images[1].clone();
    page.images.extend(std::iter::repeat_n(one, 100));
    let (text, _) = written(&page);
    // Of 102 that are right 24 are shown; of 102 that are unlike 60.
    assert!(text.contains("78 more are not shown.") && text.contains("42 more are not shown."));
}

#[test]
fn nothing_measured_is_no_curve() {
    let mut page = page(2);
    page.figures.reliability.bins = vec![Default::default(); RELIABILITY_BINS];
    assert!(!written(&page).0.contains("<svg"));
}
