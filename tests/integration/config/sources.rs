//! Directories of connector and policy files.

use std::fs;

use tollgate::config::sources::read_dirs;

#[test]
fn reads_yaml_files_sorted_and_leaves_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("c.d/sub.yaml")).unwrap();
    for name in [
        "c.d/b.yml",
        "c.d/a.yaml",
        "c.d/.hidden.yaml",
        "c.d/readme.md",
        "c.d/a.yaml~",
    ] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    fs::create_dir(dir.path().join("p.d")).unwrap();
    let files = read_dirs(
        &[dir.path().join("c.d"), dir.path().join("p.d")],
        dir.path(),
    )
    .unwrap();
    let names: Vec<&str> = files.sources.iter().map(|source| &*source.name).collect();
    assert_eq!(names, ["c.d/a.yaml", "c.d/b.yml"]);
    assert_eq!(&*files.sources[0].text, "c.d/a.yaml");
    assert_eq!(
        files
            .counts
            .iter()
            .map(|(_, count)| *count)
            .collect::<Vec<_>>(),
        [2, 0]
    );
}

#[test]
fn tells_missing_directories_and_files_that_are_not_utf8() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), b"a: b\nc: \xff\n").unwrap();
    fs::write(dir.path().join("b.yaml"), b"\xff\xfea").unwrap();
    let report = read_dirs(
        &[dir.path().to_owned(), dir.path().join("gone")],
        dir.path(),
    )
    .unwrap_err();
    insta::assert_snapshot!(report.to_text(), @r"
    error[not-utf8]: `a.yaml` is not UTF-8
      --> a.yaml:2:4
      help: save the file as UTF-8

    error[not-utf8]: `b.yaml` is not UTF-8
      --> b.yaml:1:1
      help: save the file as UTF-8

    error[missing-directory]: the directory `gone` cannot be read: No such file or directory (os error 2)
      --> gone
    ");
}
