//! Small pictures in the order in which a page shows them.

use std::collections::VecDeque;
use std::path::Path;

use crate::runtime::thumbnail::Thumbnail;

/// Thumbnails that are made before the first of them is written: bounds the memory, and each lot may
/// take a process of its own.
const BATCH: usize = 256;

/// Makes thumbnails some ahead of the page.
pub(crate) struct Previews<'p, F> {
    left: &'p [&'p Path],
    ready: VecDeque<Option<Thumbnail>>,
    make: F,
}

impl<'p, F, E> Previews<'p, F>
where
    F: FnMut(&[&Path]) -> Result<Vec<Option<Thumbnail>>, E>,
{
    /// Of the files at `paths`, in this order. `make` gives the small version of each file it is given.
    pub(crate) fn new(paths: &'p [&'p Path], make: F) -> Self {
        Self {
            left: paths,
            ready: VecDeque::new(),
            make,
        }
    }

    /// The next; none when the file cannot be read as a picture.
    pub(crate) fn next(&mut self) -> Result<Option<Thumbnail>, E> {
        if self.ready.is_empty() {
            let (now, later) = self.left.split_at(self.left.len().min(BATCH));
            self.ready = (self.make)(now)?.into();
            self.left = later;
        }
        Ok(self.ready.pop_front().flatten())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn each_is_asked_for_once_and_in_order() {
        let paths: Vec<std::path::PathBuf> =
            (0..600).map(|index| index.to_string().into()).collect();
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let mut lots = Vec::new();
        let mut previews = Previews::new(&paths, |lot: &[&Path]| {
            lots.push(lot.len());
            let made = lot.iter().map(|path| {
                let is_even = path.to_str().unwrap().parse::<u32>().unwrap() % 2 == 0;
                is_even.then(|| Thumbnail::parse("/9j/".to_owned()).unwrap())
            });
            Ok::<_, std::convert::Infallible>(made.collect())
        });
        for index in 0..600 {
            assert_eq!(
                previews.next().unwrap().is_some(),
                index % 2 == 0,
                "{index}"
            );
        }
        drop(previews);
        assert_eq!(lots, [256, 256, 88]);
    }
}
