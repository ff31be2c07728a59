//! Streams: answers that may go on for ever pass bit by bit, and end with the permission that they were opened by.

use super::rig::{self, HOST};
use crate::support::upstream::{Reply, Speaks, Upstream};

#[tokio::test]
async fn a_silent_stream_ends_when_a_reload_denies_it_and_its_neighbour_does_not() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        let client = gateway.agent.http2();
        let open = async |path: &str| {
            let (reply, feed) = Reply::streamed(200);
            upstream.reply(path, reply.header("content-type", "text/event-stream"));
            let request = client.post(format!("https://{HOST}{path}")).body("{}");
            let mut answer = request.send().await.unwrap();
            feed.send("data: 1\n\n").await;
            assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: 1\n\n");
            (answer, feed)
        };
        let (mut denied, quiet) = open("/read").await;
        let (mut neighbour, events) = open("/other").await;
        let deny = "policies: [{ id: now, actions: [api.pad.read], decision: deny }]";
        gateway.write("policies.d/now.yaml", deny).await;
        // The upstream says nothing, so it is not a byte that shows that the permit is void.
        assert!(denied.chunk().await.is_err());
        events.send("data: 2\n\n").await;
        assert_eq!(neighbour.chunk().await.unwrap().unwrap(), "data: 2\n\n");
        drop((quiet, events));
        assert_eq!(neighbour.text().await.unwrap(), "");
        let mut outcomes: Vec<String> =
            gateway.finished(2).await.iter().map(rig::outcome).collect();
        outcomes.sort();
        assert_eq!(outcomes, ["answered 200", "refused denied"]);
    }
}
