//! The linear map of a head: ridge or logistic regression, and how strong its penalty is.

use ndarray::{Array1, Array2, ArrayView2};

use super::HeadError;
use super::metrics::legible;
use super::options::{
    AUTOMATIC_RIDGE_IMAGES, CHOICES, ClassWeights, DEFAULT_CHOICE, DEFAULT_RIDGE_CHOICE, Method,
    Penalty, TrainingSettings, ridge_choices,
};
use super::sample::Sample;
use super::solver::{Design, Request, Ridge, RidgeRequest};
use super::transformed::Transformed;
use super::validate::{self, Choice, Plan};

/// A linear map, and how it came about.
pub(super) struct Fitted {
    pub(super) weights: Array2<f64>,
    pub(super) bias: Array1<f64>,
    pub(super) c: f64,
    pub(super) objective: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
    pub(super) choice: Option<Choice>,
}

impl Fitted {
    /// Fits all rows, which are transformed, with a penalty chosen on the blocks of `plan`.
    pub(super) fn new<'a>(
        method: Method,
        sample: &Sample<'a>,
        rows: Transformed<'a>,
        settings: &TrainingSettings,
        classes: &[String],
        plan: Option<&Plan>,
    ) -> Result<Self, HeadError> {
        match method {
            Method::Ridge => fit_ridge(sample, rows.to_array().view(), settings, classes, plan),
            _ => Ok(fit_logistic(sample, rows, settings, classes, plan)),
        }
    }
}

/// Ridge or logistic.
pub(super) fn resolve(settings: &TrainingSettings, images: usize) -> Method {
    match settings.method {
        Method::Automatic
            if images <= AUTOMATIC_RIDGE_IMAGES && settings.penalty == Penalty::Chosen =>
        {
            Method::Ridge
        }
        Method::Automatic => Method::Logistic,
        method => method,
    }
}

fn fit_ridge(
    sample: &Sample<'_>,
    rows: ArrayView2<'_, f32>,
    settings: &TrainingSettings,
    classes: &[String],
    plan: Option<&Plan>,
) -> Result<Fitted, HeadError> {
    let weights = class_weights(settings.class_weights, &sample.per_class).map(|weights| {
        let weight = |&class: &usize| weights[class];
        sample.targets.iter().map(weight).collect::<Vec<f64>>()
    });
    let ridge = Ridge::new(
        rows,
        &RidgeRequest {
            targets: &sample.targets,
            classes: classes.len(),
            row_weights: weights.as_deref(),
            towards: None,
        },
    )?;
    let mut squares = 0.0;
    let all = rows.as_standard_layout();
    add_squares(&mut squares, all.as_slice().unwrap_or_default());
    let scale = 1.0 / inverse_scale(squares, rows.nrows());
    let lambdas: Vec<f64> = match settings.penalty {
        Penalty::Fixed(c) => vec![1.0 / c],
        Penalty::Chosen => {
            let scaled = |choice: f64| legible(choice * scale);
            ridge_choices().into_iter().map(scaled).collect()
        }
    };
    let choice =
        plan.map(|plan| validate::choose_ridge(&ridge, &sample.targets, classes, plan, &lambdas));
    let lambda = match (&choice, lambdas.as_slice()) {
        (Some(choice), _) => choice.strength,
        (None, [only]) => *only,
        (None, _) => legible(DEFAULT_RIDGE_CHOICE * scale),
    };
    let (map, bias) = ridge.coefficients(lambda);
    Ok(Fitted {
        objective: legible(ridge.objective(lambda)),
        weights: map,
        bias,
        c: legible(1.0 / lambda),
        iterations: 0,
        converged: true,
        choice,
    })
}

fn fit_logistic<'a>(
    sample: &Sample<'a>,
    rows: Transformed<'a>,
    settings: &TrainingSettings,
    classes: &[String],
    plan: Option<&Plan>,
) -> Fitted {
    let grid = grid(settings.penalty, &rows);
    let weights = class_weights(settings.class_weights, &sample.per_class);
    let request = Request {
        class_weights: weights.as_deref(),
        iterations: settings.iterations,
        ..Request::new(&sample.targets, classes.len(), 1.0)
    };
    let choice = plan.and_then(|plan| {
        let kind = settings.transform;
        validate::choose(sample, kind, &request, classes, plan, &grid.tried)
    });
    let c = choice
        .as_ref()
        .map_or(grid.otherwise, |choice| choice.strength);
    let mut design = Design::over(rows);
    let fit = design.fit(&Request {
        c,
        tolerance: settings.tolerance,
        ..request
    });
    let (weights, bias) = design.coefficients(&fit);
    Fitted {
        weights,
        bias,
        c,
        objective: legible(fit.objective),
        iterations: fit.iterations,
        converged: fit.converged,
        choice,
    }
}

fn class_weights(weights: ClassWeights, per_class: &[usize]) -> Option<Vec<f64>> {
    let images: usize = per_class.iter().sum();
    let weight = |&count: &usize| images as f64 / (per_class.len() * count) as f64;
    match weights {
        ClassWeights::Uniform => None,
        ClassWeights::Balanced => Some(per_class.iter().map(weight).collect()),
    }
}

struct Grid {
    /// Values of C to try, ascending.
    tried: Vec<f64>,
    /// The one to take when nothing can be tried.
    otherwise: f64,
}

/// `rows` are transformed.
fn grid(penalty: Penalty, rows: &Transformed<'_>) -> Grid {
    if let Penalty::Fixed(c) = penalty {
        return Grid {
            tried: vec![c],
            otherwise: c,
        };
    }
    let mut squares = 0.0;
    rows.each(|_, row| add_squares(&mut squares, row));
    let scale = inverse_scale(squares, rows.len());
    Grid {
        tried: CHOICES
            .iter()
            .map(|choice| legible(choice * scale))
            .collect(),
        otherwise: legible(DEFAULT_CHOICE * scale),
    }
}

fn add_squares(sum: &mut f64, values: &[f32]) {
    for &value in values {
        *sum += f64::from(value) * f64::from(value);
    }
}

/// One over the mean squared length of transformed rows, from the sum of the squares.
fn inverse_scale(squares: f64, rows: usize) -> f64 {
    let length = squares / rows.max(1) as f64;
    if length > f64::from(f32::MIN_POSITIVE) {
        1.0 / length
    } else {
        1.0
    }
}
