-- Verdicts on declarations and their eras, on their way in.
CREATE TEMPORARY TABLE judged (
    declaration   uuid NOT NULL,
    text_source   bigint NOT NULL,
    hand_key      text NOT NULL,
    created_from  timestamptz NOT NULL,
    created_until timestamptz,
    verdict       text NOT NULL,
    rule          text NOT NULL,
    reason        text NOT NULL,
    evidence      jsonb NOT NULL,
    spdx_ids      text[] NOT NULL
) ON COMMIT DROP;
