-- Lists of the runs of one action, and the later run that did what an earlier one left undone.
CREATE INDEX runs_of_an_action ON ops.runs (action, id DESC);
