# Makes codecourier-api@.service, for further instances, of the one unit.
1i\
# A further instance, beside codecourier-api.service, where the reason for each\
# line stands: codecourier-api@shop reads /etc/codecourier/shop.conf, which must\
# say CODECOURIER_RUNTIME_DIR=/run/codecourier/shop; its socket lies there.
/^#/d
s/^Description=.*/&, %i/
s,/etc/codecourier/api\.conf,/etc/codecourier/%i.conf,
s,/run/codecourier/api\.sock,/run/codecourier/%i/api.sock,
s/^SyslogIdentifier=.*/&-%i/
