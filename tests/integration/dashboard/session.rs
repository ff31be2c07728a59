//! Signing in and out: by a token, by a link that works once, and never for another site.

use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::browser::Browser;
use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Builder;

/// Nothing here may take this long.
const LONG: Duration = Duration::from_secs(30);

const EDITOR: &str = "tgo_editor_0123456789abcdef0123456789";

#[tokio::test]
async fn a_token_signs_in_until_the_operator_signs_out() {
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .start()
        .await;
    let outside = Browser::at(&gateway);
    let asked = outside.get("/policies?x=1").await;
    assert_eq!(asked.status, 303);
    assert_eq!(
        asked.header("location"),
        "/sign-in?next=%2Fpolicies%3Fx%3D1"
    );
    let wrong = outside.post("/sign-in", &[("token", "tgo_wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong.text.contains("No operator has this token"),
        "{}",
        wrong.text
    );
    assert_eq!(wrong.header("set-cookie"), "");

    let fields = [("token", EDITOR), ("next", "/agents")];
    let right = outside.post("/sign-in", &fields).await;
    assert_eq!((right.status, right.header("location")), (303, "/agents"));
    let cookie = right.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(EDITOR), "{cookie}");
    let browser = Browser::signed_in(&gateway, EDITOR).await;
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ada"), "{}", page.text);
    assert!(!page.text.contains(EDITOR));

    assert_eq!(browser.post("/sign-out", &[]).await.status, 303);
    assert_eq!(browser.get("/").await.status, 303);
}

#[tokio::test]
async fn a_page_to_go_on_with_is_one_of_this_site() {
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .start()
        .await;
    let outside = Browser::at(&gateway);
    for next in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "javascript:alert(1)",
        "/\tx",
    ] {
        let fields = [("token", EDITOR), ("next", next)];
        let answer = outside.post("/sign-in", &fields).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .start()
        .await;
    let (status, _) = gateway
        .admin_as("tgo_nobody", Method::POST, "/sign-in/links", &json!({}))
        .await;
    assert_eq!(status, 401);
    let (status, made) = gateway
        .admin_as(EDITOR, Method::POST, "/sign-in/links", &json!({}))
        .await;
    assert_eq!((status, &made["expires_in"]), (200, &json!(60)));
    let link = made["links"][0].as_str().unwrap();
    let (page, secret) = link.split_once('#').unwrap();
    let address = gateway.serving().addresses().admin[0];
    assert_eq!(page, format!("http://{address}/sign-in"));

    let mut browser = Browser::at(&gateway);
    let first = browser.post("/sign-in/link", &[("secret", secret)]).await;
    assert_eq!(first.status, 303, "{}", first.text);
    browser.take_cookie(&first).await;
    assert!(browser.get("/").await.text.contains("ada"));
    let again = Browser::at(&gateway)
        .post("/sign-in/link", &[("secret", secret)])
        .await;
    assert_eq!(again.status, 401);
    assert!(again.text.contains("used already"), "{}", again.text);
}

#[tokio::test]
async fn a_form_of_another_site_or_session_changes_nothing() {
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .start()
        .await;
    let browser = Browser::signed_in(&gateway, EDITOR).await;
    let other = Browser::signed_in(&gateway, EDITOR).await;
    let form = |csrf: &str| format!("csrf={csrf}&name=smuggled");
    let here = format!("http://{}", browser.address);
    for (body, headers) in [
        (form(&browser.csrf), vec![("sec-fetch-site", "cross-site")]),
        (form(&browser.csrf), vec![("sec-fetch-site", "same-site")]),
        (form(&browser.csrf), vec![("origin", "https://evil.test")]),
        (form(&browser.csrf), vec![("origin", "null")]),
        (form(&browser.csrf), vec![("host", "evil.test")]),
        (form(&other.csrf), vec![]),
        (form(""), vec![("origin", here.as_str())]),
        ("name=smuggled".to_owned(), vec![]),
    ] {
        let answer = browser.post_with("/agents", body.clone(), &headers).await;
        assert!(
            [403, 421].contains(&answer.status),
            "{body} {headers:?}: {}",
            answer.status
        );
    }
    let (_, agents) = gateway
        .admin(Method::GET, "/api/v1/agents", &Json::Null)
        .await;
    assert!(!agents.to_string().contains("smuggled"), "{agents}");
    let good = browser
        .post_with(
            "/agents",
            form(&browser.csrf),
            &[("origin", here.as_str()), ("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(good.status, 200, "{}", good.text);
}

#[tokio::test]
async fn a_session_ends_with_its_operator() {
    let gateway = Builder::new().start().await;
    let new = json!({ "name": "ada", "role": "viewer" });
    let (status, added) = gateway.admin(Method::POST, "/api/v1/operators", &new).await;
    assert_eq!(status, 201, "{added}");
    let browser = Browser::signed_in(&gateway, added["token"].as_str().unwrap()).await;
    assert_eq!(browser.get("/").await.status, 200);
    let mut live = browser.stream("/activity/live?after=0").await;
    assert_eq!(live.status(), 200);
    let (status, _) = gateway
        .admin(Method::DELETE, "/api/v1/operators/ada", &Json::Null)
        .await;
    assert_eq!(status, 200);
    assert_eq!(browser.get("/").await.status, 303);
    let mut read = String::new();
    let reading = async {
        while let Some(bytes) = live.chunk().await.unwrap() {
            read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    };
    tokio::time::timeout(LONG, reading)
        .await
        .expect("the stream ends");
    assert!(read.contains("event: end"), "{read}");
}

#[tokio::test]
async fn the_api_takes_no_cookie() {
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .start()
        .await;
    let browser = Browser::signed_in(&gateway, EDITOR).await;
    assert_eq!(browser.get("/api/v1/agents").await.status, 401);
}

#[tokio::test]
async fn over_tls_the_cookie_is_of_this_host_alone() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let gateway = Builder::new()
        .operator("ada", "editor", EDITOR)
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .start()
        .await;
    let authority = reqwest::Certificate::from_pem(issued.ca_pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let port = gateway.serving().addresses().admin[0].port();
    let answer = client
        .post(format!("https://localhost:{port}/sign-in"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={EDITOR}&next=/agents"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-tollgate-"), "{cookie}");
    for part in ["; Secure", "; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let kept = cookie.split(';').next().unwrap();
    let page = client
        .get(format!("https://localhost:{port}/agents"))
        .header("cookie", kept)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn an_address_without_a_page_is_told_as_the_client_reads_it() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    for path in ["/nothing", "/agents/a/b/c", "/api/v1/nothing"] {
        let page = browser.navigate(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(
            page.text.contains("<h1>There is nothing here</h1>"),
            "{path}: {}",
            page.text
        );
        assert!(
            page.header("content-security-policy").contains("'none'"),
            "{path}"
        );
        let told = browser.get(path).await;
        assert_eq!(told.status, 404, "{path}");
        let problem: Json = serde_json::from_str(&told.text).unwrap();
        assert_eq!(problem["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_browser_without_script_is_told_how_to_sign_in() {
    let gateway = Builder::new().start().await;
    let page = Browser::at(&gateway).get("/sign-in").await;
    let told = "class=\"only-plain banner trouble\">That link needs script";
    assert!(page.text.contains(told), "{}", page.text);
}
