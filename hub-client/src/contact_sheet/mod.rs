//! Contact sheets: pictures with a few words each, as one HTML file that needs nothing else.
//!
//! ```no_run
//! use std::path::Path;
//! use hub_client::contact_sheet::{ContactSheet, Section, Tile};
//! use hub_client::files::{Destination, Existing};
//! use hub_client::runtime::RuntimeOptions;
//! use hub_client::worker::Worker;
//! let tile = Tile { name: "scans/1.png".into(), path: "scans/1.png".into(), lines: vec!["odd".into()] };
//! let section = Section { heading: "Unlike the others".into(), remark: String::new(), tiles: vec![tile] };
//! let sheet = ContactSheet { title: "Outliers".into(), remarks: vec![], map: vec![], sections: vec![section] };
//! let worker = Worker::new(RuntimeOptions::default());
//! let previews = |paths: &[&Path]| Ok(worker.thumbnails(paths)?);
//! let page = Destination::new("outliers.html", Existing::Keep)?;
//! sheet.write::<Box<dyn std::error::Error>>(&page, previews)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Is it safe to hand on?* It holds small versions of the pictures and their names, no scripts, and
//! opens no connection. Whoever gets the file sees the pictures.

mod html;
mod previews;

use std::path::{Path, PathBuf};

pub(crate) use self::html::{Escaped, Page};
pub(crate) use self::previews::Previews;
use crate::files::{Destination, FileError};
use crate::runtime::thumbnail::Thumbnail;

/// Points of a map that are shown as pictures; with more, only so many, spread evenly, are.
const MAP_PICTURES: usize = 1500;

/// Side of the map, in its own units.
const MAP_SIDE: f32 = 1000.0;

/// Side of a picture on the map.
const MAP_PICTURE: f32 = 26.0;

/// A page of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContactSheet {
    /// The heading.
    pub title: String,
    /// What to know first, a paragraph each.
    pub remarks: Vec<String>,
    /// Pictures by place; none for no map.
    pub map: Vec<MapPoint>,
    /// The pictures.
    pub sections: Vec<Section>,
}

/// Pictures that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Their heading.
    pub heading: String,
    /// A sentence about them; may be empty.
    pub remark: String,
    /// The pictures.
    pub tiles: Vec<Tile>,
}

/// A picture with words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tile {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is said of it, a line each.
    pub lines: Vec<String>,
}

/// A picture on a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapPoint {
    /// What it is called, and what is said of it.
    pub words: String,
    /// Where it is on disk.
    pub path: PathBuf,
    /// From the left and from the top, 0 to 1.
    pub place: [f32; 2],
}

impl ContactSheet {
    /// Writes the page; it appears when it is whole. A picture that cannot be read is said to be so.
    /// `make` gives the small version of each file it is given, in their order.
    ///
    /// # Errors
    /// What `make` returns, or [`FileError`].
    pub fn write<E: From<FileError>>(
        &self,
        destination: &Destination,
        make: impl FnMut(&[&Path]) -> Result<Vec<Option<Thumbnail>>, E>,
    ) -> Result<(), E> {
        let tiles = self.sections.iter().flat_map(|section| &section.tiles);
        let on_map = self.map_pictures().map(|point| point.path.as_path());
        let paths: Vec<&Path> = on_map
            .chain(tiles.map(|tile| tile.path.as_path()))
            .collect();
        let mut previews = Previews::new(&paths, make);
        let mut page = Page::start(destination, &self.title, "")?;
        for remark in &self.remarks {
            page.paragraph(remark)?;
        }
        if !self.map.is_empty() {
            self.write_map(&mut page, || previews.next())?;
        }
        for section in &self.sections {
            page.put(format_args!("<h2>{}</h2>\n", Escaped(&section.heading)))?;
            if !section.remark.is_empty() {
                page.paragraph(&section.remark)?;
            }
            write_tiles(&mut page, &section.tiles, || previews.next())?;
        }
        Ok(page.commit()?)
    }

    /// The points that are shown as pictures.
    fn map_pictures(&self) -> impl Iterator<Item = &MapPoint> {
        let every = self.map.len().div_ceil(MAP_PICTURES).max(1);
        self.map.iter().step_by(every)
    }

    /// Points first, pictures over them; each says what it is when pointed at.
    fn write_map<E: From<FileError>>(
        &self,
        page: &mut Page<'_>,
        mut preview: impl FnMut() -> Result<Option<Thumbnail>, E>,
    ) -> Result<(), E> {
        let margin = MAP_PICTURE;
        let side = MAP_SIDE + 2.0 * margin;
        page.put(format_args!(
            r#"<svg viewBox="{0} {0} {side} {side}" role="img" aria-label="map of the images">"#,
            -margin
        ))?;
        for point in &self.map {
            let [x, y] = point.place.map(|place| place * MAP_SIDE);
            let words = Escaped(&point.words);
            page.put(format_args!(
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="#e5484d"><title>{words}</title></circle>
"##
            ))?;
        }
        for point in self.map_pictures() {
            let Some(thumbnail) = preview()? else {
                continue;
            };
            let [x, y] = point
                .place
                .map(|place| place * MAP_SIDE - MAP_PICTURE / 2.0);
            let (words, uri) = (Escaped(&point.words), thumbnail.data_uri());
            page.put(format_args!(
                r#"<image x="{x:.1}" y="{y:.1}" width="{MAP_PICTURE}" height="{MAP_PICTURE}" href="{uri}"><title>{words}</title></image>
"#
            ))?;
        }
        Ok(page.put(format_args!("</svg>\n"))?)
    }
}

/// Pictures side by side, each with its words. `preview` gives their small versions one after another.
pub(crate) fn write_tiles<E: From<FileError>>(
    page: &mut Page<'_>,
    tiles: &[Tile],
    mut preview: impl FnMut() -> Result<Option<Thumbnail>, E>,
) -> Result<(), E> {
    page.put(format_args!("<ul>\n"))?;
    for tile in tiles {
        let name = Escaped(&tile.name);
        page.put(format_args!("<li>"))?;
        write_picture(page, &tile.name, preview()?.as_ref())?;
        page.put(format_args!("<b>{name}</b>"))?;
        for line in &tile.lines {
            page.put(format_args!("<span>{}</span>", Escaped(line)))?;
        }
        page.put(format_args!("</li>\n"))?;
    }
    Ok(page.put(format_args!("</ul>\n"))?)
}

/// A picture, or that there is none to be shown.
pub(crate) fn write_picture(
    page: &mut Page<'_>,
    words: &str,
    thumbnail: Option<&Thumbnail>,
) -> Result<(), FileError> {
    match thumbnail.map(Thumbnail::data_uri) {
        Some(uri) => page.put(format_args!(
            r#"<img alt="{}" src="{uri}">"#,
            Escaped(words)
        )),
        None => page.put(format_args!(r#"<div class="none">no preview</div>"#)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::runtime::decode::DecodeLimits;
    use crate::runtime::thumbnail::SIDE;
    use image::{Rgb, RgbImage};

    fn previews(paths: &[&Path]) -> Result<Vec<Option<Thumbnail>>, FileError> {
        let limits = DecodeLimits::default();
        let small = paths
            .iter()
            .map(|path| Thumbnail::of_file(path, SIDE, &limits));
        Ok(small.collect())
    }

    #[test]
    fn a_page_holds_its_pictures_and_asks_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.png");
        RgbImage::from_pixel(20, 20, Rgb([1, 2, 3]))
            .save(&picture)
            .unwrap();
        let tile = |name: &str, path: &Path| Tile {
            name: name.into(),
            path: path.into(),
            lines: vec!["a < b".into()],
        };
        let sheet = ContactSheet {
            title: "Odd & even".into(),
            remarks: vec!["<b>".into()],
            map: vec![MapPoint {
                words: "a\"b".into(),
                path: picture.clone(),
                place: [0.0, 1.0],
            }],
            sections: vec![Section {
                heading: "One".into(),
                remark: "said".into(),
                tiles: vec![
                    tile("<img src=x onerror=alert(1)>", &picture),
                    tile("gone", &folder.path().join("gone.png")),
                ],
            }],
        };
        let path = folder.path().join("sheet.html");
        let destination = Destination::new(&path, crate::files::Existing::Keep).unwrap();
        sheet.write(&destination, previews).unwrap();
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(page.contains("<title>Odd &amp; even</title>") && page.ends_with("</html>\n"));
        assert!(page.contains("default-src 'none'"));
        assert_eq!(page.matches("data:image/jpeg;base64,").count(), 2);
        assert!(
            page.contains("no preview") && page.contains("a &lt; b") && page.contains("a&quot;b")
        );
        assert!(!page.contains("<img src=x") && !page.contains("<script") && !page.contains("://"));
    }
}
