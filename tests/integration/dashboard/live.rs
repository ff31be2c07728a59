//! The live table: records come as rows, pages with the same filters share a stream, and a page that missed some is told.

use std::time::Duration;

use crate::support::browser::Browser;
use crate::support::gateway::{Builder, Gateway};

/// Nothing here may take this long.
const LONG: Duration = Duration::from_secs(20);

/// Asks for something that is refused, which is a record.
async fn ask(gateway: &Gateway, host: &str) {
    let _ = gateway
        .agent
        .http1()
        .get(format!("https://{host}/"))
        .send()
        .await;
}

async fn newest(browser: &Browser) -> String {
    let page = browser.get("/activity").await;
    let (_, rest) = page.text.split_once("data-seq=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Reads a stream until it holds a text.
async fn read_until(stream: &mut reqwest::Response, wanted: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(wanted) {
            let bytes = stream.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(&String::from_utf8_lossy(&bytes));
        }
    };
    tokio::time::timeout(LONG, reading)
        .await
        .expect("the text comes");
    read
}

#[tokio::test]
async fn records_come_to_all_pages_and_only_those_that_match() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    ask(&gateway, "before.test").await;
    gateway.decided(1).await;
    let after = newest(&browser).await;
    let path = format!("/activity/live?after={after}");
    let mut one = browser.stream(&path).await;
    let mut other = browser.stream(&path).await;
    let mut filtered = browser
        .stream(&format!("/activity/live?agent=nobody&after={after}"))
        .await;
    assert_eq!(one.headers()["content-type"], "text/event-stream");
    ask(&gateway, "during.test").await;
    for stream in [&mut one, &mut other] {
        let read = read_until(stream, "during.test").await;
        assert!(
            read.contains("event: records") && read.contains("id: "),
            "{read}"
        );
        assert!(!read.contains("before.test"), "{read}");
    }
    let silent = tokio::time::timeout(Duration::from_millis(600), filtered.chunk()).await;
    assert!(silent.is_err(), "{silent:?}");
}

#[tokio::test]
async fn a_page_that_was_away_goes_on_where_it_was() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    let after = newest(&browser).await;
    for host in ["first.test", "second.test"] {
        ask(&gateway, host).await;
    }
    gateway.decided(2).await;
    let mut stream = browser
        .stream(&format!("/activity/live?after={after}"))
        .await;
    let read = read_until(&mut stream, "second.test").await;
    assert!(read.contains("first.test"), "{read}");
}

#[tokio::test]
async fn filters_that_cannot_be_read_are_refused() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    let page = browser.get("/activity/live?risk=enormous&after=0").await;
    assert_eq!(page.status, 400);
    assert_eq!(
        Browser::at(&gateway)
            .get("/activity/live?after=0")
            .await
            .status,
        303
    );
}

#[tokio::test]
async fn a_filter_that_matches_nothing_goes_on_behind_the_newest_record() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    for host in ["first.test", "second.test"] {
        ask(&gateway, host).await;
    }
    gateway.decided(2).await;
    let all: u64 = newest(&browser).await.parse().unwrap();
    let page = browser.get("/activity?agent=nobody").await;
    let (_, rest) = page.text.split_once("data-seq=\"").unwrap();
    let filtered: u64 = rest.split('"').next().unwrap().parse().unwrap();
    assert!(filtered >= all && all > 0, "{filtered} {all}");

    // A stream that names no place begins with what comes.
    let mut stream = browser.stream("/activity/live").await;
    ask(&gateway, "third.test").await;
    let read = read_until(&mut stream, "third.test").await;
    assert!(!read.contains("second.test"), "{read}");
}
