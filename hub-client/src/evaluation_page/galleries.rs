//! The pictures of the page, in the order in which it shows them.

use std::path::Path;

use super::matrix::{self, Cell};
use super::{EvaluationPage, JudgedImage, words};
use crate::contact_sheet::{Escaped, Page, Tile, write_picture, write_tiles};
use crate::files::FileError;
use crate::runtime::thumbnail::Thumbnail;

/// Pictures shown of a cell in which all is right.
const RIGHT_SHOWN: usize = 24;

/// Pictures shown of a cell of mistakes.
const WRONG_SHOWN: usize = 120;

/// Mistakes that are shown with what is near them.
const WORST_SHOWN: usize = 12;

/// Pictures shown of a list.
const LISTED: usize = 60;

/// All that is shown.
pub(super) struct Galleries<'a> {
    of: &'a EvaluationPage,
    cells: Vec<Gallery>,
    worst: Vec<&'a JudgedImage>,
    lists: Vec<Gallery>,
}

/// Pictures under a heading.
struct Gallery {
    id: String,
    heading: String,
    remark: String,
    is_mistake: bool,
    tiles: Vec<Tile>,
    /// How many more there are.
    more: usize,
}

impl<'a> Galleries<'a> {
    pub(super) fn of(page: &'a EvaluationPage) -> Self {
        let cells = matrix::cells(page);
        let cells = cells.iter().map(|cell| of_cell(cell, page)).collect();
        let mut worst: Vec<&JudgedImage> =
            page.images.iter().filter(|one| !one.is_right()).collect();
        worst.sort_by(|a, b| {
            let surest = b.probability.total_cmp(&a.probability);
            surest.then_with(|| a.name.cmp(&b.name))
        });
        worst.truncate(WORST_SHOWN);
        let unsure = |one: &&JudgedImage| one.plausible.len() != 1;
        let lists = [
            list(
                page,
                ("unsure", "Unsure"),
                "Several classes are plausible, or none is: here the head gives no answer.",
                page.images.iter().filter(unsure).collect(),
            ),
            list(
                page,
                ("unlike", "Unlike anything shown"),
                "These are farther from the labelled images than those are from one another. What is \
                 said of them is not to be relied on.",
                page.images.iter().filter(|one| one.is_unlike).collect(),
            ),
        ];
        Self {
            of: page,
            cells,
            worst,
            lists: lists.into_iter().flatten().collect(),
        }
    }

    /// Of all pictures, in the order in which they are written.
    pub(super) fn paths(&self) -> Vec<&Path> {
        fn of(galleries: &[Gallery]) -> impl Iterator<Item = &Path> {
            let tiles = galleries.iter().flat_map(|gallery| &gallery.tiles);
            tiles.map(|tile| tile.path.as_path())
        }
        let worst = self.worst.iter().flat_map(|image| {
            let near = image.nearest.iter().filter_map(|near| near.file.as_ref());
            [image.path.as_path()]
                .into_iter()
                .chain(near.map(|(_, path)| path.as_path()))
        });
        of(&self.cells)
            .chain(worst)
            .chain(of(&self.lists))
            .collect()
    }

    /// The images of each cell of the matrix, which show when their number was followed.
    pub(super) fn write_cells<E: From<FileError>>(
        &self,
        page: &mut Page<'_>,
        mut preview: impl FnMut() -> Result<Option<Thumbnail>, E>,
    ) -> Result<(), E> {
        for cell in &self.cells {
            let (id, heading) = (&cell.id, Escaped(&cell.heading));
            let mistake = if cell.is_mistake { " mistake" } else { "" };
            page.put(format_args!(
                "<section class=\"cell{mistake}\" id=\"{id}\">\n<h3>{heading}</h3>\n\
                 <p class=\"back\"><a href=\"#confusions\">back to the table</a></p>\n"
            ))?;
            write_tiles(page, &cell.tiles, &mut preview)?;
            write_more(page, cell.more)?;
            page.put(format_args!("</section>\n"))?;
        }
        Ok(())
    }

    /// The worst mistakes, then what has no answer.
    pub(super) fn write_lists<E: From<FileError>>(
        &self,
        page: &mut Page<'_>,
        mut preview: impl FnMut() -> Result<Option<Thumbnail>, E>,
    ) -> Result<(), E> {
        if !self.worst.is_empty() {
            page.put(format_args!(
                "<h2 id=\"mistakes\">The worst mistakes</h2>\n"
            ))?;
            page.paragraph(
                "Where it was surest and wrong. Look at the label first: it may be the label that is \
                 wrong. Beside each are the labelled images that are nearest to it for the extractor.",
            )?;
            page.put(format_args!("<ul class=\"mistakes\">\n"))?;
            for image in &self.worst {
                self.write_mistake(page, image, &mut preview)?;
            }
            page.put(format_args!("</ul>\n"))?;
        }
        for list in &self.lists {
            let (id, heading) = (&list.id, Escaped(&list.heading));
            page.put(format_args!("<h2 id=\"{id}\">{heading}</h2>\n"))?;
            page.paragraph(&list.remark)?;
            write_tiles(page, &list.tiles, &mut preview)?;
            write_more(page, list.more)?;
        }
        Ok(())
    }

    fn write_mistake<E: From<FileError>>(
        &self,
        page: &mut Page<'_>,
        image: &JudgedImage,
        mut preview: impl FnMut() -> Result<Option<Thumbnail>, E>,
    ) -> Result<(), E> {
        page.put(format_args!("<li><figure>"))?;
        write_picture(page, &alternative(image, self.of), preview()?.as_ref())?;
        page.put(format_args!(
            "</figure><div class=\"text\"><b>{}</b>",
            Escaped(&image.name)
        ))?;
        for line in lines(image, self.of) {
            page.put(format_args!("<span>{}</span>", Escaped(&line)))?;
        }
        if !image.nearest.is_empty() {
            let classes = image
                .nearest
                .iter()
                .map(|near| self.of.classes[near.class].as_str());
            let text = format!("nearest: {}", classes.collect::<Vec<_>>().join(", "));
            page.put(format_args!("<span>{}</span>", Escaped(&text)))?;
        }
        page.put(format_args!("</div>"))?;
        for near in &image.nearest {
            let Some((name, _)) = &near.file else {
                continue;
            };
            let class = &self.of.classes[near.class];
            page.put(format_args!("<figure class=\"near\">"))?;
            write_picture(
                page,
                &format!("{name}, labelled {class}"),
                preview()?.as_ref(),
            )?;
            page.put(format_args!(
                "<figcaption>{}</figcaption></figure>",
                Escaped(class)
            ))?;
        }
        Ok(page.put(format_args!("</li>\n"))?)
    }
}

fn of_cell(cell: &Cell<'_>, page: &EvaluationPage) -> Gallery {
    let (shown, remark) = if cell.is_right() {
        (RIGHT_SHOWN, "the least sure first")
    } else {
        (WRONG_SHOWN, "the surest first")
    };
    Gallery {
        id: cell.id(),
        heading: format!("{}, {remark}", matrix::heading(cell, page)),
        remark: String::new(),
        is_mistake: !cell.is_right(),
        tiles: tiles(&cell.images, shown, page),
        more: cell.images.len().saturating_sub(shown),
    }
}

/// A list with a heading, unless it is empty.
fn list(
    page: &EvaluationPage,
    (id, heading): (&str, &str),
    remark: &str,
    images: Vec<&JudgedImage>,
) -> Option<Gallery> {
    let count = words::counted(images.len(), "image");
    (!images.is_empty()).then(|| Gallery {
        id: id.to_owned(),
        heading: format!("{heading}: {count}"),
        remark: remark.to_owned(),
        is_mistake: false,
        tiles: tiles(&images, LISTED, page),
        more: images.len().saturating_sub(LISTED),
    })
}

fn tiles(images: &[&JudgedImage], shown: usize, page: &EvaluationPage) -> Vec<Tile> {
    let tile = |image: &&JudgedImage| Tile {
        name: image.name.clone(),
        path: image.path.clone(),
        lines: lines(image, page),
    };
    images.iter().take(shown).map(tile).collect()
}

/// What is said of an image.
fn lines(image: &JudgedImage, page: &EvaluationPage) -> Vec<String> {
    let class = |index: usize| page.classes[index].as_str();
    let probability = words::percent(f64::from(image.probability));
    let likeliest = class(image.likeliest);
    let mut lines = vec![
        format!("labelled {}", class(image.truth)),
        format!("taken for {likeliest}, {probability}"),
    ];
    match image.plausible[..] {
        [_] => {}
        [] => lines.push("unsure".to_owned()),
        [one, other] => lines.push(format!("unsure: {} or {}", class(one), class(other))),
        _ => lines.push(format!("unsure between {} classes", image.plausible.len())),
    }
    if image.is_unlike {
        lines.push("unlike anything shown".to_owned());
    }
    lines
}

/// What stands for the picture where it cannot be seen.
fn alternative(image: &JudgedImage, page: &EvaluationPage) -> String {
    format!("{}: {}", image.name, lines(image, page).join(", "))
}

fn write_more(page: &mut Page<'_>, more: usize) -> Result<(), FileError> {
    match more {
        0 => Ok(()),
        1 => page.paragraph("One more is not shown."),
        _ => page.paragraph(&format!("{more} more are not shown.")),
    }
}
