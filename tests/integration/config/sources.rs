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
        None,
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
        None,
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

/// What a link out of the directory leads to: as when somebody else wrote the directory, and an operator who may read more checks it.
#[test]
fn nothing_of_a_file_outside_its_directory_is_repeated() {
    use tollgate::config::yaml;
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (dir.path().join("c.d"), dir.path().join("elsewhere"));
    for directory in [&inside, &outside] {
        fs::create_dir(directory).unwrap();
    }
    fs::write(outside.join("shadow"), "root:$6$hash:1:2\n").unwrap();
    fs::write(
        outside.join("key"),
        "connector: x\nsecret_hunter2: [hunter3]\n",
    )
    .unwrap();
    for name in ["shadow", "key"] {
        std::os::unix::fs::symlink(outside.join(name), inside.join(format!("{name}.yaml")))
            .unwrap();
    }
    let files = read_dirs(&[inside], dir.path(), None).unwrap();
    let mut report = tollgate::config::diagnostic::Report::default();
    for source in &files.sources {
        let _: Option<tollgate::connector::Manifest> = yaml::read(source, &mut report);
    }
    assert!(report.diagnostics.len() >= 2, "{report:?}");
    let told = [
        report.to_text(),
        report.to_json().to_string(),
        report.to_sarif().to_string(),
        report.to_github(),
    ];
    for told in told {
        assert!(
            !told.contains("hunter") && !told.contains("$6$") && !told.contains("root"),
            "{told}"
        );
        assert!(
            told.contains("key.yaml") && told.contains("shadow.yaml"),
            "{told}"
        );
    }
}

/// A `ConfigMap` is mounted as links to `..data`, itself a link to a directory beside it.
#[test]
fn links_that_stay_inside_the_directory_are_shown() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let mounted = dir.path().join("mounted");
    fs::create_dir_all(mounted.join("..2026_01_01")).unwrap();
    fs::write(mounted.join("..2026_01_01/a.yaml"), "connectr: x\n").unwrap();
    symlink("..2026_01_01", mounted.join("..data")).unwrap();
    symlink("..data/a.yaml", mounted.join("a.yaml")).unwrap();
    // The directory may be a link itself.
    symlink(&mounted, dir.path().join("c.d")).unwrap();
    let files = read_dirs(&[dir.path().join("c.d")], dir.path(), None).unwrap();
    let mut report = tollgate::config::diagnostic::Report::default();
    let _: Option<tollgate::connector::Manifest> =
        tollgate::config::yaml::read(&files.sources[0], &mut report);
    assert!(
        report.to_text().contains("1 | connectr: x"),
        "{}",
        report.to_text()
    );
}
