-- Verdicts on declarations, on their way in.
CREATE TEMPORARY TABLE judged (
    declaration uuid NOT NULL,
    verdict     text NOT NULL,
    rule        text NOT NULL,
    reason      text NOT NULL,
    evidence    jsonb NOT NULL,
    spdx_ids    text[] NOT NULL
) ON COMMIT DROP;
