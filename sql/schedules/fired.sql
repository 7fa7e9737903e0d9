-- A tick was fired by hand: an enabled one has come by that, so it is not late.
UPDATE ops.schedules SET last_tick = now() WHERE name = %(name)s AND enabled;
