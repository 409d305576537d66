INPUT_MAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1, F=T, T=C:15s;S:10s;R:10s;E:1m')
