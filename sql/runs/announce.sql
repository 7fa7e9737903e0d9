-- What a run that ended leaves to be read: whether another run follows it for that.
UPDATE ops.runs SET more = %(more)s WHERE id = %(id)s AND (action = 'read' OR state = 'caught_up');
