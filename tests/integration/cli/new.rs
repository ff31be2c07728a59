//! `connector new`: files from answers and from `curl` commands, and nothing of a secret in them.

use super::assert_shown;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn curl_commands_become_a_connector() {
    let shown = Shell::new()
        .play(
            "tollgate connector new --from-curl 'curl -sSL -X POST \"https://api.tickets.example.com/v1/tickets/T-17/comments/8842?notify=true\" \
             -H \"Authorization: Bearer top-secret\" -H \"Content-Type: application/json\" -H \"X-Tenant: 42\" \
             -d \"{\\\"comment\\\":{\\\"text\\\":\\\"top-secret\\\",\\\"internal\\\":true}}\"' --from-curl 'curl https://api.tickets.example.com/v1/me -u ada:top-secret'
             tollgate connector new files --from-curl - --out files.yaml <<< curl --http2 -F title=x -F file=@a.png \\\\n  https://files.example/$FOLDER_ID/files?api_key=top-secret
             tollgate connector test files.yaml
             tollgate connector new --from-curl 'curl https://a.example/ https://b.example/'
             tollgate connector new --from-curl 'curl --tpo-secret https://a.example/'
             tollgate connector new --from-curl 'wget https://a.example/'
             tollgate connector new --from-curl 'curl -d \"x https://a.example/'
             tollgate connector new --from-curl 'curl ftp://a.example/'
             tollgate connector new --from-curl 'curl https://a.example/ -H'",
        )
        .await;
    let leaked = |line: &&str| !line.starts_with("$ tollgate") && line.contains("top-secret");
    assert_eq!(shown.lines().find(leaked), None);
    assert_shown("new_from_curl", &shown);
}

#[tokio::test]
async fn answers_become_a_connector() {
    let shown = Shell::new()
        .play(
            "tollgate connector new --out tickets.yaml <<< tickets\\nhttps://tickets.example.com/v1\\nheader X-Api-Key\\nGET /tickets?status\\nPOST /tickets title queue\\nDELETE /tickets/{id}\\n\\n
             tollgate connector test tickets.yaml
             tollgate connector new clock <<< https://clock.example\\nnone\\nGET /time
             tollgate connector new <<< Tickets
             tollgate connector new tickets <<< tickets.example.com
             tollgate connector new tickets <<< https://tickets.example.com\\nmagic
             tollgate connector new tickets <<< https://tickets.example.com\\n\\ntickets
             tollgate connector new tickets <<< https://tickets.example.com",
        )
        .await;
    assert_shown("new_answers", &shown);
}

#[tokio::test]
async fn what_browsers_add_is_left_out_and_commands_of_cmd_are_named() {
    let shown = Shell::new()
        .play(
            "tollgate connector new --from-curl 'curl https://a.example/things -H \"sec-ch-ua: x\" -H \"DNT: 1\" -H \"Referer: https://b.example/\" -H \"X-Tenant: 42\"'
             tollgate connector new --from-curl 'curl ^\"https://a.example/things^\"'",
        )
        .await;
    let lines = shown.lines().filter(|line| !line.starts_with("$ tollgate"));
    let shown: String = lines.collect::<Vec<_>>().join("\n").to_lowercase();
    assert!(shown.contains("x-tenant"), "{shown}");
    for absent in ["sec-ch", "dnt", "referer"] {
        assert!(!shown.contains(absent), "{absent}: {shown}");
    }
    assert!(shown.contains("written for windows' cmd"), "{shown}");
}
