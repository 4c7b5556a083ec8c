<?php

/**
 * Tells vigie that somebody uses their webmail (run with Roundcube 1.6).
 *
 * Copy this folder to Roundcube's plugins/vigie_signal, config.inc.php.dist to config.inc.php in it, fill that in, and
 * add 'vigie_signal' to $config['plugins']. Then look at vigie_reports_total{source="webmail"} while you click.
 *
 * What is told: the user's name, what kind of thing they did (login, active, present, logout), when, and the address of
 * their browser. Nothing of their mails.
 *
 * One page tells one thing, and the first: a click. Requests that an open tab makes by itself, every minute, only say
 * that the page is open.
 */
class vigie_signal extends rcube_plugin
{
    /** Requests of tabs that nobody touches. */
    private const BY_ITSELF = ['refresh', 'keep-alive', 'check-recent', 'getunread'];

    private $told = false;

    public function init()
    {
        $this->load_config();
        $this->add_hook('ready', [$this, 'ready']);
        $this->add_hook('login_after', [$this, 'login']);
        $this->add_hook('session_destroy', [$this, 'logout']);
    }

    /** Any request of somebody who is logged in. */
    public function ready($args)
    {
        $action = (string) ($args['action'] ?? '');
        if (($args['task'] ?? '') === 'logout') {
            return $args;
        }
        $by_itself = in_array($action, self::BY_ITSELF, true) || strpos($action, 'plugin.') === 0;
        $this->tell($by_itself ? 'present' : 'active');
        return $args;
    }

    public function login($args)
    {
        $this->tell('login');
        return $args;
    }

    public function logout($args)
    {
        $this->told = false;
        $this->tell('logout');
        return $args;
    }

    /** Says it, unless this page has said something already, or vigie did not answer lately. */
    private function tell($kind)
    {
        $rcmail = rcmail::get_instance();
        $user = $rcmail->get_user_name();
        $config = $rcmail->config;
        // A sample that nobody filled in says nothing to anybody.
        if (!$config->get('vigie_signal_url') || in_array($config->get('vigie_signal_secret', ''), ['', 'SECRET'], true)) {
            return;
        }
        if (!$user || $this->told || ($_SESSION['vigie_signal_later'] ?? 0) > time()) {
            return;
        }
        $this->told = true;
        $note = ['user' => $user, 'kind' => $kind, 'at' => round(microtime(true), 3), 'ip' => rcube_utils::remote_addr()];
        if (!$this->post(json_encode($note, JSON_UNESCAPED_SLASHES), $config)) {
            $_SESSION['vigie_signal_later'] = time() + $config->get('vigie_signal_pause', 30);
        }
    }

    /** Posts a signed note; false if there was no answer. */
    private function post($note, $config)
    {
        $time = time();
        $signature = hash_hmac('sha256', "$time.$note", $config->get('vigie_signal_secret'));
        $timeout = $config->get('vigie_signal_timeout', 200);
        $curl = curl_init($config->get('vigie_signal_url'));
        curl_setopt_array($curl, [
            CURLOPT_POSTFIELDS => $note,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_CONNECTTIMEOUT_MS => $timeout,
            CURLOPT_TIMEOUT_MS => $timeout,
            // Without the last, curl may wait for leave to send the note.
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', "X-Vigie-Signature: t=$time,v1=$signature", 'Expect:'],
        ]);
        $answered = curl_exec($curl) !== false;
        curl_close($curl);
        return $answered;
    }
}
