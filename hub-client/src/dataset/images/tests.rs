#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use std::fs;

/// The first bytes of a PNG.
pub(in crate::dataset) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// A folder with files of given contents.
pub(in crate::dataset) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}

fn names(set: &ImageSet) -> Vec<&str> {
    set.images.iter().map(|image| image.name.as_str()).collect()
}

fn reasons(set: &ImageSet) -> Vec<(String, SkipReason)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    set.skipped
        .iter()
        .map(|skipped| (name(&skipped.path), skipped.reason.clone()))
        .collect()
}

#[test]
fn images_are_found_in_order_and_the_rest_is_told() {
    let folder = folder(&[
        ("b/2.png", PNG),
        ("b/10.JPG", b"\xff\xd8\xff\xe0rest"),
        ("a/deep/er/é 🐟.png", PNG),
        ("a-file.png", PNG),
        ("no-extension", PNG),
        ("wrong.jpg", PNG),
        (".hidden.png", PNG),
        (".git/objects.png", PNG),
        ("notes.txt", b"notes"),
        ("fake.png", b"<html>"),
        ("none.png", b""),
    ]);
    let set = ImageSet::walk(folder.path()).unwrap();
    let expected = [
        "a-file.png",
        "a/deep/er/é 🐟.png",
        "b/10.JPG",
        "b/2.png",
        "no-extension",
        "wrong.jpg",
    ];
    assert_eq!(names(&set), expected);
    assert!(
        set.images
            .iter()
            .all(|image| image.path == folder.path().join(&image.name))
    );
    let expected = [
        ("fake.png".to_owned(), SkipReason::NotWhatItsNameSays),
        ("none.png".to_owned(), SkipReason::Empty),
        ("notes.txt".to_owned(), SkipReason::NotAnImage),
    ];
    assert_eq!(reasons(&set), expected);
}

#[test]
fn an_empty_folder_says_so() {
    let empty = folder(&[("notes.txt", b"x")]);
    let error = ImageSet::walk(empty.path())
        .unwrap()
        .not_empty()
        .unwrap_err();
    assert!(
        error.to_string().starts_with("there are no images in `"),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("(one file there is no image)"),
        "{error}"
    );
}

#[test]
fn what_is_no_folder_is_refused() {
    let folder = folder(&[("1.png", PNG)]);
    let file = folder.path().join("1.png");
    assert!(matches!(
        ImageSet::walk(&file),
        Err(DatasetError::NotAFolder { .. })
    ));
    assert!(matches!(
        ImageSet::walk(&folder.path().join("gone")),
        Err(DatasetError::File(_))
    ));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    let other = folder(&[("far.png", PNG)]);
    let folder = folder(&[("a/1.png", PNG)]);
    symlink(folder.path(), folder.path().join("a/up")).unwrap();
    symlink(other.path(), folder.path().join("b")).unwrap();
    symlink("nowhere", folder.path().join("broken.png")).unwrap();
    let set = ImageSet::walk(folder.path()).unwrap();
    assert_eq!(names(&set), ["a/1.png", "b/far.png"]);
    let reasons = reasons(&set);
    assert_eq!(reasons[0], ("up".to_owned(), SkipReason::LinkLoop));
    assert!(matches!(&reasons[1], (name, SkipReason::Unreadable(_)) if name == "broken.png"));
}

#[cfg(unix)]
#[test]
fn sockets_are_not_waited_for() {
    let folder = folder(&[("1.png", PNG)]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("pipe.png")).unwrap();
    let set = ImageSet::walk(folder.path()).unwrap();
    assert_eq!(
        reasons(&set),
        [("pipe.png".to_owned(), SkipReason::NotAFile)]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder(&[("1.png", PNG)]);
    fs::write(folder.path().join(OsStr::from_bytes(b"\xff.png")), PNG).unwrap();
    let set = ImageSet::walk(folder.path()).unwrap();
    assert_eq!(
        (names(&set), reasons(&set)[0].1.clone()),
        (vec!["1.png"], SkipReason::NameNotUtf8)
    );
}

#[test]
fn arguments_may_be_files_folders_and_patterns() {
    let folder = folder(&[
        ("x/1.png", PNG),
        ("x/2.png", PNG),
        ("x/3.txt", b"x"),
        ("y/4.png", PNG),
        ("[5].png", PNG),
    ]);
    let at = |name: &str| folder.path().join(name);
    let set = ImageSet::named(&[at("x/*.png"), at("y"), at("x/1.png"), at("[5].png")]).unwrap();
    let expected: Vec<PathBuf> = ["[5].png", "x/1.png", "x/2.png", "y/4.png"]
        .map(at)
        .to_vec();
    assert_eq!(
        set.images
            .iter()
            .map(|image| image.path.clone())
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(set.folder, None);
    let set = ImageSet::named(&[at("x/3.txt")]).unwrap();
    assert_eq!(
        reasons(&set),
        [("3.txt".to_owned(), SkipReason::NotAnImage)],
        "named directly, told all the same"
    );
    assert_eq!(
        ImageSet::named(&[at("x")]).unwrap(),
        ImageSet::walk(&at("x")).unwrap()
    );
}

#[test]
fn arguments_that_name_nothing_are_refused() {
    let folder = folder(&[("1.png", PNG)]);
    for (argument, expected) in [
        ("gone.png", "is no file or folder"),
        ("*.gif", "matches"),
        ("a***b", "valid pattern"),
    ] {
        let error = ImageSet::named(&[folder.path().join(argument)]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
