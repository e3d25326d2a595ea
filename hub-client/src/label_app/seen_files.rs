//! What is known of the files of a folder, here and for the commands that look at images.

pub(super) use crate::features::{SeenFiles, name_of_set};
