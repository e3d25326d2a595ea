//! What the images are against what they were taken for. Each number leads to its images.

use super::{EvaluationPage, JudgedImage, words};
use crate::contact_sheet::{Escaped, Page};
use crate::files::FileError;

/// Most classes of a matrix; with more, pairs are listed.
const MATRIX_CLASSES: usize = 30;

/// Most pairs of a list.
const PAIRS: usize = 100;

/// Images of one class that were taken for one class.
pub(super) struct Cell<'a> {
    pub(super) truth: usize,
    pub(super) taken: usize,
    pub(super) images: Vec<&'a JudgedImage>,
}

impl<'a> Cell<'a> {
    fn new((truth, taken): (usize, usize), mut images: Vec<&'a JudgedImage>) -> Self {
        images.sort_by(|a, b| {
            let order = a.probability.total_cmp(&b.probability);
            let order = if truth == taken {
                order
            } else {
                order.reverse()
            };
            order.then_with(|| a.name.cmp(&b.name))
        });
        Self {
            truth,
            taken,
            images,
        }
    }

    /// What a link to it names.
    pub(super) fn id(&self) -> String {
        format!("cell-{}-{}", self.truth, self.taken)
    }

    pub(super) fn is_right(&self) -> bool {
        self.truth == self.taken
    }
}

/// The cells with images, row by row; in each the images that are most worth looking at come first: the
/// surest of the mistakes, the least sure of what is right.
pub(super) fn cells(page: &EvaluationPage) -> Vec<Cell<'_>> {
    let mut by_place = std::collections::BTreeMap::<_, Vec<&JudgedImage>>::new();
    for image in &page.images {
        by_place
            .entry((image.truth, image.likeliest))
            .or_default()
            .push(image);
    }
    let cells = by_place.into_iter();
    let mut cells: Vec<Cell<'_>> = cells
        .map(|(place, images)| Cell::new(place, images))
        .collect();
    if page.classes.len() > MATRIX_CLASSES {
        cells.retain(|cell| !cell.is_right());
        cells.sort_by_key(|cell| std::cmp::Reverse(cell.images.len()));
        cells.truncate(PAIRS);
    }
    cells
}

/// The matrix, or, of many classes, the commonest mistakes.
pub(super) fn write(of: &EvaluationPage, page: &mut Page<'_>) -> Result<(), FileError> {
    page.put(format_args!(
        "<h2 id=\"confusions\">What was taken for what</h2>\n"
    ))?;
    if of.figures.repeats > 1 {
        page.paragraph(&format!(
            "Each image counts once here, by the mean of what was said of it in {} divisions.",
            of.figures.repeats
        ))?;
    }
    if of.classes.len() > MATRIX_CLASSES {
        return write_pairs(of, page);
    }
    page.put(format_args!(
        "<div class=\"wide\" role=\"region\" aria-label=\"What was taken for what\" tabindex=\"0\">\n<table>\n\
         <caption>A row for what the images are, a column for what they were taken for. Each number \
         leads to its images.</caption>\n<thead><tr><td></td>"
    ))?;
    for class in &of.classes {
        page.put(format_args!("<th scope=\"col\">{}</th>", Escaped(class)))?;
    }
    page.put(format_args!("</tr></thead>\n<tbody>\n"))?;
    let cells = cells(of);
    for (truth, class) in of.classes.iter().enumerate() {
        page.put(format_args!(
            "<tr><th scope=\"row\">{}</th>",
            Escaped(class)
        ))?;
        let row: Vec<&Cell<'_>> = cells.iter().filter(|cell| cell.truth == truth).collect();
        let all: usize = row.iter().map(|cell| cell.images.len()).sum();
        for taken in 0..of.classes.len() {
            match row.iter().find(|cell| cell.taken == taken) {
                Some(cell) => write_cell(cell, all, of, page)?,
                None => page.put(format_args!("<td>0</td>"))?,
            }
        }
        page.put(format_args!("</tr>\n"))?;
    }
    page.put(format_args!("</tbody>\n</table>\n</div>\n"))
}

fn write_cell(
    cell: &Cell<'_>,
    of_row: usize,
    of: &EvaluationPage,
    page: &mut Page<'_>,
) -> Result<(), FileError> {
    let count = cell.images.len();
    let kind = if cell.is_right() { "hit" } else { "miss" };
    let shade = match count * 3 {
        part if part > 2 * of_row => 3,
        part if part > of_row => 2,
        _ => 1,
    };
    let (id, label) = (cell.id(), heading(cell, of));
    let label = Escaped(&label);
    page.put(format_args!(
        "<td class=\"{kind}{shade}\"><a href=\"#{id}\" aria-label=\"{label}\">{count}</a></td>"
    ))
}

/// What a cell holds.
pub(super) fn heading(cell: &Cell<'_>, of: &EvaluationPage) -> String {
    let (truth, taken) = (&of.classes[cell.truth], &of.classes[cell.taken]);
    let count = words::counted(cell.images.len(), "image");
    if cell.is_right() {
        format!("{count} of “{truth}”, taken for “{taken}”: right")
    } else {
        format!("{count} of “{truth}”, taken for “{taken}”")
    }
}

fn write_pairs(of: &EvaluationPage, page: &mut Page<'_>) -> Result<(), FileError> {
    page.paragraph("The commonest mistakes. Each number leads to its images.")?;
    page.put(format_args!(
        "<div class=\"wide\" role=\"region\" aria-label=\"The commonest mistakes\" tabindex=\"0\">\n<table>\n\
         <thead><tr><th scope=\"col\">class</th><th scope=\"col\">taken for</th><th scope=\"col\">images</th>\
         </tr></thead>\n<tbody>\n"
    ))?;
    for cell in cells(of) {
        let (truth, taken) = (
            Escaped(&of.classes[cell.truth]),
            Escaped(&of.classes[cell.taken]),
        );
        page.put(format_args!(
            "<tr><th scope=\"row\">{truth}</th><td>{taken}</td>"
        ))?;
        write_cell(&cell, cell.images.len(), of, page)?;
        page.put(format_args!("</tr>\n"))?;
    }
    page.put(format_args!("</tbody>\n</table>\n</div>\n"))
}
