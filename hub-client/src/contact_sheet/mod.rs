//! Contact sheets: pictures with a few words each, as one HTML file that needs nothing else.
//!
//! ```no_run
//! use std::num::NonZeroUsize;
//! use hub_client::contact_sheet::{ContactSheet, Section, Tile};
//! let tile = Tile { name: "scans/1.png".into(), path: "scans/1.png".into(), lines: vec!["odd".into()] };
//! let section = Section { heading: "Unlike the others".into(), remark: String::new(), tiles: vec![tile] };
//! let sheet = ContactSheet { title: "Outliers".into(), remarks: vec![], map: vec![], sections: vec![section] };
//! sheet.write("outliers.html".as_ref(), NonZeroUsize::MIN)?;
//! # Ok::<(), hub_client::files::FileError>(())
//! ```
//!
//! *Is it safe to hand on?* It holds small versions of the pictures and their names, no scripts, and
//! opens no connection. Whoever gets the file sees the pictures.

mod html;
mod thumbnail;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use self::html::{END, Escaped, START};
use crate::explore::over_blocks;
use crate::files::{AtomicFile, FileError};

/// Thumbnails that are made before the first of them is written: bounds the memory.
const BATCH: usize = 256;

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
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, path: &Path, threads: NonZeroUsize) -> Result<(), FileError> {
        let mut file = AtomicFile::create(path)?;
        self.write_to(&mut file, threads)
            .map_err(|source| FileError::new("cannot write", path, source))?;
        file.commit()
    }

    fn write_to(&self, page: &mut impl Write, threads: NonZeroUsize) -> io::Result<()> {
        let title = Escaped(&self.title);
        write!(
            page,
            "{START}<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
        )?;
        for remark in &self.remarks {
            writeln!(page, "<p>{}</p>", Escaped(remark))?;
        }
        if !self.map.is_empty() {
            self.write_map(page, threads)?;
        }
        for section in &self.sections {
            section.write_to(page, threads)?;
        }
        page.write_all(END.as_bytes())
    }

    /// Points first, pictures over them; each says what it is when pointed at.
    fn write_map(&self, page: &mut impl Write, threads: NonZeroUsize) -> io::Result<()> {
        let margin = MAP_PICTURE;
        let side = MAP_SIDE + 2.0 * margin;
        writeln!(
            page,
            r#"<svg viewBox="{0} {0} {side} {side}" role="img" aria-label="map of the images">"#,
            -margin
        )?;
        for point in &self.map {
            let [x, y] = point.place.map(|place| place * MAP_SIDE);
            let words = Escaped(&point.words);
            writeln!(
                page,
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="#e5484d"><title>{words}</title></circle>"##
            )?;
        }
        let every = self.map.len().div_ceil(MAP_PICTURES).max(1);
        let shown: Vec<&MapPoint> = self.map.iter().step_by(every).collect();
        for batch in shown.chunks(BATCH) {
            let paths: Vec<&Path> = batch.iter().map(|point| point.path.as_path()).collect();
            for (point, uri) in batch.iter().zip(thumbnails(&paths, threads)) {
                let Some(uri) = uri else { continue };
                let [x, y] = point
                    .place
                    .map(|place| place * MAP_SIDE - MAP_PICTURE / 2.0);
                let words = Escaped(&point.words);
                writeln!(
                    page,
                    r#"<image x="{x:.1}" y="{y:.1}" width="{MAP_PICTURE}" height="{MAP_PICTURE}" href="{uri}"><title>{words}</title></image>"#
                )?;
            }
        }
        writeln!(page, "</svg>")
    }
}

impl Section {
    fn write_to(&self, page: &mut impl Write, threads: NonZeroUsize) -> io::Result<()> {
        writeln!(page, "<h2>{}</h2>", Escaped(&self.heading))?;
        if !self.remark.is_empty() {
            writeln!(page, "<p>{}</p>", Escaped(&self.remark))?;
        }
        writeln!(page, "<ul>")?;
        for batch in self.tiles.chunks(BATCH) {
            let paths: Vec<&Path> = batch.iter().map(|tile| tile.path.as_path()).collect();
            for (tile, uri) in batch.iter().zip(thumbnails(&paths, threads)) {
                let name = Escaped(&tile.name);
                match uri {
                    Some(uri) => write!(page, r#"<li><img alt="{name}" src="{uri}">"#)?,
                    None => write!(page, r#"<li><div class="none">no preview</div>"#)?,
                }
                write!(page, "<b>{name}</b>")?;
                for line in &tile.lines {
                    write!(page, "<span>{}</span>", Escaped(line))?;
                }
                writeln!(page, "</li>")?;
            }
        }
        writeln!(page, "</ul>")
    }
}

/// Thumbnails in the order of the paths.
fn thumbnails(paths: &[&Path], threads: NonZeroUsize) -> Vec<Option<String>> {
    let work = |made: &mut Vec<(usize, Option<String>)>, index: usize| {
        made.push((index, thumbnail::data_uri(paths[index])));
    };
    let mut made = over_blocks(paths.len(), threads, Vec::new, work).concat();
    made.sort_unstable_by_key(|&(index, _)| index);
    made.into_iter().map(|(_, uri)| uri).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use image::{Rgb, RgbImage};

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
        sheet.write(&path, NonZeroUsize::new(2).unwrap()).unwrap();
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
