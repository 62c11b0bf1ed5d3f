-- A first sign-in that makes an account is called as everywhere else.
update audit set action = 'migration.provision' where action = 'migration.capture';
