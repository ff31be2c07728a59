//! `dashboard`: the link signs in once, leads to the gateway that was named, and its secret is in no process's arguments.

use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const TOKEN: &str = "tgo_remote_0123456789abcdef012345678";

#[tokio::test]
async fn a_browser_is_opened_by_a_file_that_only_this_user_reads() {
    let gateway = Builder::new().start().await;
    let bin = gateway.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let opener = bin.join("xdg-open");
    let script = "#!/bin/sh\n{ stat -c %a \"$1\"; printf '%s\\n' \"$@\"; cat \"$1\"; } > opened\necho done > ended\n";
    std::fs::write(&opener, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&opener, executable).unwrap();
    // A terminal of its own, since a browser is opened for people only. It stays open until the browser was.
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
    let shell = Shell::at(&gateway.path("")).env("PATH", &path);
    let line = "mkfifo ended; \"$TOLLGATE\" dashboard && cat ended";
    let shown = shell.in_terminal(line).await;
    let link = shown
        .split_whitespace()
        .find(|word| word.starts_with("http"))
        .unwrap_or_else(|| panic!("{shown}"));
    let (_, secret) = link.split_once("/sign-in#").unwrap();
    let opened = std::fs::read_to_string(gateway.path("opened")).unwrap();
    let (mode, rest) = opened.split_once('\n').unwrap();
    let (arguments, page) = rest.split_once('\n').unwrap();
    assert_eq!(mode, "600", "{opened}");
    assert!(arguments.ends_with("sign-in.html"), "{opened}");
    assert!(!arguments.contains(secret), "{opened}");
    assert!(page.contains(&format!("0;url={link}\"")), "{opened}");
}

#[tokio::test]
async fn the_link_of_another_machine_leads_there() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let gateway = Builder::new()
        .operator("remote", "viewer", TOKEN)
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .start()
        .await;
    let port = gateway.serving().addresses().admin[0].port();
    let other = Shell::new()
        .file("ca.pem", &issued.ca_pem)
        .env("TOLLGATE_OPERATOR_TOKEN", TOKEN);
    let server = format!("https://localhost:{port}");
    let options = format!("--server {server} --ca ca.pem");
    let answer = other.json(&format!("--json {options} dashboard")).await;
    let links = answer["links"].as_array().unwrap();
    assert_eq!(links.len(), 1, "{answer}");
    let link = links[0].as_str().unwrap();
    assert!(link.starts_with(&format!("{server}/sign-in#")), "{answer}");
    let words: Vec<&str> = options.split(' ').chain(["dashboard"]).collect();
    let done = other.run(&words, "").await;
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(shown.starts_with(&format!("{server}/sign-in#")), "{shown}");
}
