# Makes the template of a unit, NAME@.service, for further instances.
1i\
# For a further instance, made from the unit without @, where the reason for each\
# line stands: with %i = shop it is for /etc/codecourier/shop.conf, which must say\
# CODECOURIER_RUNTIME_DIR=/run/codecourier/shop; the socket lies there.
/^#/d
s/^Description=.*/&, %i/
s,/etc/codecourier/api\.conf,/etc/codecourier/%i.conf,
s,/run/codecourier/api\.sock,/run/codecourier/%i/api.sock,
s,^ConditionPathExists=|/etc/codecourier/keyring$,ConditionPathExists=/etc/codecourier/%i.conf,
/^ConditionPathExists=|/d
s/codecourier-api\.service$/codecourier-api@%i.service/
s/^SyslogIdentifier=.*/&-%i/
