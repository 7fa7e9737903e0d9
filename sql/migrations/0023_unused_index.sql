-- No statement looks verdicts on declarations up by their basis: each classification asks of every declaration whether its
-- verdict has the present one. Keeping the index cost a tenth of the time in which they are written.
DROP INDEX enriched.declaration_verdicts_basis;
